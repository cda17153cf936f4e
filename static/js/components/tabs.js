// @ts-check
/** Tabs, of which the address bar remembers one. */

import { html } from "htm/preact";

/**
 * @param {{label: string, value: string, tabs: {key: string, text: string, count?: any}[], onChange: (key: string) => void}} props
 */
export function Tabs({ label, value, tabs, onChange }) {
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!step) return;
    const at = tabs.findIndex((tab) => tab.key === value);
    const next = tabs[(at + step + tabs.length) % tabs.length];
    if (!next) return;
    event.preventDefault();
    onChange(next.key);
    document.getElementById(`tab-${next.key}`)?.focus();
  };
  return html`<div class="tabs" role="tablist" aria-label=${label} onKeyDown=${onKeyDown}>
    ${tabs.map(
      (tab) =>
        html`<button
          type="button"
          role="tab"
          id=${`tab-${tab.key}`}
          key=${tab.key}
          aria-selected=${String(tab.key === value)}
          aria-controls=${`panel-${tab.key}`}
          tabindex=${tab.key === value ? 0 : -1}
          onClick=${() => onChange(tab.key)}
        >
          ${tab.text}${tab.count !== undefined && html`<span class="count">${tab.count}</span>`}
        </button>`,
    )}
  </div>`;
}
