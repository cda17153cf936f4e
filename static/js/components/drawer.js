// @ts-check
/** The drawer at the foot of the overview: the live tail of everything. */

import { html } from "htm/preact";
import { useEffect, useState } from "preact/hooks";
import { Icon } from "./kit.js";
import { Preview, Untrusted } from "./bytes.js";
import { Tail, TailTools } from "./tail.js";
import { describe } from "../lib/events.js";
import { clockSeconds } from "../lib/format.js";
import { keys } from "../lib/keys.js";
import { preference } from "../lib/memory.js";

/** @import { Tail as TailModel } from "../lib/tail.js" */

const LEAST = 120;

/** @param {{tail: TailModel, openAtFirst: boolean}} props */
export function Drawer({ tail, openAtFirst }) {
  const [open, setOpen] = useState(() => Boolean(preference.get("drawer", openAtFirst)));
  const [height, setHeight] = useState(() => Number(preference.get("drawer.height", 208)));
  const [as, setAs] = useState(/** @type {"auto"|"text"|"hex"} */ ("auto"));
  const turn = (/** @type {boolean} */ to) => {
    setOpen(to);
    preference.set("drawer", to);
  };
  useEffect(
    () => keys.bind("e", "Open or close the drawer of events", () => turn(!open), "Events"),
    [open],
  );
  useEffect(() => {
    const place = document.getElementById("drawer");
    place?.classList.toggle("open", open);
    place?.style.setProperty("--drawer", `${height}px`);
  }, [open, height]);

  const drag = (/** @type {PointerEvent} */ down) => {
    const grip = /** @type {HTMLElement} */ (down.currentTarget);
    grip.setPointerCapture(down.pointerId);
    const move = (/** @type {PointerEvent} */ event) => {
      const next = Math.max(
        LEAST,
        Math.min(innerHeight - 160, height + down.clientY - event.clientY),
      );
      setHeight(next);
      preference.set("drawer.height", next);
    };
    grip.addEventListener("pointermove", move);
    grip.addEventListener(
      "lostpointercapture",
      () => grip.removeEventListener("pointermove", move),
      { once: true },
    );
  };

  return html`
    ${open && html`<div class="drawer-grip" aria-hidden="true" onPointerDown=${drag}></div>`}
    <div class="drawer-bar">
      <h2>
        <button
          type="button"
          class="title"
          aria-expanded=${String(open)}
          onClick=${() => turn(!open)}
        >
          <${Icon} name="right" class="small" />Events
        </button>
      </h2>
      ${
        open
          ? html`<span class="push"></span>
              <div class="row drawer-tools">
                <${TailTools} tail=${tail} as=${as} setAs=${setAs} />
              </div>`
          : html`<${Latest} tail=${tail} />`
      }
    </div>
    ${
      open &&
      html`<${Tail}
        tail=${tail}
        as=${as}
        withService
        empty=${html`<div class="empty">
          <h2>Quiet</h2>
          <p>What happens on any service appears here, as it happens.</p>
        </div>`}
      />`
    }
  `;
}

/** @param {{tail: TailModel}} props */
function Latest({ tail }) {
  void tail.version.value;
  const event = tail.newest;
  if (!event) return html`<span class="last faint">quiet</span>`;
  const line = describe(event);
  return html`<span class="last" aria-live="off">
    <span class="mono faint">${clockSeconds(event.time)}</span
    >${event.service && html`<span class="strong">${event.service}</span>`}
    <span class=${`glyph ${line.tone}`}><${Icon} name=${line.glyph} class="small" /></span
    ><span>${line.word}</span>
    ${line.parts.map((part) => html`<${Untrusted} text=${part.text} class="plain" />`)}
    ${line.payload && html`<${Preview} base64=${line.payload.base64} truncated=${line.payload.truncated} />`}
  </span>`;
}
