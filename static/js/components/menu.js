// @ts-check
/**
 * A button with a panel of things under it. It is a disclosure, not a menu of the desktop's kind:
 * what is in it are links, buttons and fields as anywhere, reached by Tab; Escape closes it.
 */

import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "./kit.js";

/**
 * @param {{
 *   text: any, icon: string, label: string, kind?: string, class?: string,
 *   children: (close: () => void) => any,
 * }} props  `label` is the panel's name
 */
export function Menu({ text, icon, label, kind = "", class: extra = "", children }) {
  const [open, setOpen] = useState(false);
  const root = useRef(/** @type {HTMLElement|null} */ (null));
  const button = useRef(/** @type {HTMLElement|null} */ (null));
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  useEffect(() => {
    if (!open) return undefined;
    const outside = (/** @type {Event} */ event) => {
      if (!root.current?.contains(/** @type {Node} */ (event.target))) setOpen(false);
    };
    addEventListener("pointerdown", outside);
    return () => removeEventListener("pointerdown", outside);
  }, [open]);
  return html`<div
    class=${`menu ${extra}`}
    ref=${root}
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Escape" || !open) return;
      event.stopPropagation();
      close();
    }}
    onFocusOut=${(/** @type {FocusEvent} */ event) => {
      const to = /** @type {Node|null} */ (event.relatedTarget);
      if (to && !root.current?.contains(to)) setOpen(false);
    }}
  >
    <button
      type="button"
      class=${`btn small ${kind}`}
      ref=${button}
      aria-expanded=${String(open)}
      onClick=${() => setOpen(!open)}
    >
      <${Icon} name=${icon} /><span class="menu-text">${text}</span
      ><${Icon} name="down" class="small" />
    </button>
    ${
      open &&
      html`<div class="menu-panel" role="group" aria-label=${label} tabindex="-1">${children(close)}</div>`
    }
  </div>`;
}
