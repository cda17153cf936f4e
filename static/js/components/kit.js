// @ts-check
/** The kit's small parts; templates/kit.html draws the same ones on the server. */

import { html } from "htm/preact";
import { STATE_WORDS } from "../lib/states.js";
import { closeTone } from "../lib/events.js";
import { words } from "../lib/format.js";

/** @import { State, Connection } from "../types.js" */

/** @typedef {any} Child  what htm takes as content */

/** @param {{name: string, class?: string}} props */
export const Icon = ({ name, class: extra = "" }) =>
  html`<svg class=${`icon ${extra}`} aria-hidden="true"><use href=${`#i-${name}`} /></svg>`;

/** @type {Record<string, () => Child>} */
const SHAPES = {
  running: () =>
    html`<circle class="halo" cx="7" cy="7" r="6.5" /><circle
        class="full"
        cx="7"
        cy="7"
        r="3.6"
      />`,
  failed: () => html`<path class="full" d="M7 1.2 13.4 12.6H.6z" />`,
  suspended: () => html`<path d="M4.8 3.2v7.6M9.2 3.2v7.6" />`,
  backoff: () => html`<circle cx="7" cy="7" r="4.4" stroke-dasharray="2.2 2.4" />`,
  stopped: () => html`<circle cx="7" cy="7" r="3.8" />`,
};
const moving = () =>
  html`<path class="turn" d="M7 2.6a4.4 4.4 0 1 1-4.4 4.4" /><circle
      class="full"
      cx="7"
      cy="7"
      r="1.4"
    />`;

/** Prose with `code` in it, as docstrings have it. @param {{text: string}} props */
export const Prose = ({ text }) =>
  text.split("`").map((part, at) => (at % 2 ? html`<code>${part}</code>` : part));

/** A state as a shape and a colour. @param {{state: State, changed?: boolean}} props */
export const Lamp = ({ state, changed = false }) =>
  html`<svg
    class=${`lamp ${state}${changed ? " changed" : ""}`}
    viewBox="0 0 14 14"
    aria-hidden="true"
    key=${state}
  >
    ${(SHAPES[state] ?? moving)()}
  </svg>`;

/** @param {{state: State, changed?: boolean}} props */
export const StateWord = ({ state, changed = false }) =>
  html`<span class=${`state ${state}`}
    ><${Lamp} state=${state} changed=${changed} /><span class="word"
      >${STATE_WORDS[state] ?? state}</span
    ></span
  >`;

/**
 * How a connection stands or ended.
 * @param {{connection: Pick<Connection, "state"|"close_reason"|"error">}} props
 */
export function Mark({ connection }) {
  if (connection.state === "open") {
    return html`<span class=${`mark ${connection.error ? "error" : "open"}`}
      >${connection.error ? "open, error" : "open"}</span
    >`;
  }
  return html`<span class=${`mark ${closeTone(connection.close_reason)}`}
    >${words(connection.close_reason) || "closed"}</span
  >`;
}

/**
 * @param {{
 *   children?: Child, icon?: string, kind?: string, small?: boolean, label?: string, tip?: string, tipClass?: string,
 *   busy?: boolean, disabled?: boolean, onClick?: (event: MouseEvent) => void, href?: string, type?: string, class?: string,
 * }} props
 */
export function Button({
  children,
  icon,
  kind = "",
  small,
  label,
  tip,
  tipClass = "",
  busy,
  disabled,
  onClick,
  href,
  type = "button",
  class: extra = "",
}) {
  const classes = `btn ${kind} ${small ? "small" : ""} ${children ? "" : "only"} ${tip ? tipClass : ""} ${extra}`;
  const inner = html`${icon && html`<${Icon} name=${icon} />`}${children}`;
  if (href)
    return html`<a class=${classes} href=${href} aria-label=${label} data-tip=${tip}>${inner}</a>`;
  return html`<button
    type=${type}
    class=${classes}
    aria-label=${label}
    data-tip=${tip}
    aria-busy=${busy ? "true" : undefined}
    disabled=${disabled || busy}
    onClick=${onClick}
  >
    ${inner}
  </button>`;
}

/**
 * One of a few, all in sight.
 * @param {{label: string, value: any, options: {value: any, text: Child, count?: Child}[], onChange: (value: any) => void}} props
 */
export const Segment = ({ label, value, options, onChange }) =>
  html`<div class="segment" role="group" aria-label=${label}>
    ${options.map(
      (option) =>
        html`<button
          type="button"
          key=${option.value}
          aria-pressed=${String(option.value === value)}
          onClick=${() => onChange(option.value)}
        >
          ${option.text}${option.count !== undefined && html`<span class="count">${option.count}</span>`}
        </button>`,
    )}
  </div>`;

/**
 * @param {{
 *   tone: "bad"|"warn"|"info",
 *   what: Child,
 *   why?: Child,
 *   children?: Child,
 *   side?: Child,
 *   urgent?: boolean,
 * }} props
 */
export const Notice = ({ tone, what, why, children, side, urgent }) =>
  html`<div class=${`notice ${tone}`} role=${urgent ? "alert" : "status"}>
    <${Icon} name=${tone === "info" ? "info" : "warn"} />
    <div class="body">
      <span class="what">${what}</span>${why && html`<span class="why">${why}</span>`}${children}
    </div>
    ${side && html`<div class="side">${side}</div>`}
  </div>`;

/** @param {{title: string, text: Child, children?: Child}} props */
export const Empty = ({ title, text, children }) =>
  html`<div class="empty">
    <svg class="art" viewBox="0 0 148 56" aria-hidden="true">
      <g fill="none" stroke="currentColor" stroke-width="1.5">
        <rect x="2" y="6" width="84" height="9" rx="4.5" />
        <rect x="40" y="24" width="106" height="9" rx="4.5" stroke-dasharray="4 4" />
        <rect x="2" y="42" width="60" height="9" rx="4.5" />
      </g>
    </svg>
    <h2>${title}</h2>
    <p>${text}</p>
    ${children && html`<div class="row">${children}</div>`}
  </div>`;

/** @param {{text: string, open?: boolean, title?: string}} props */
export const Trace = ({ text, open = false, title = "Traceback" }) =>
  html`<details class="trace" open=${open}>
    <summary><${Icon} name="right" class="small turns" />${title}</summary>
    <pre class="code" tabindex="0">${text}</pre>
  </details>`;
