// @ts-check
/**
 * Short messages in a corner: what was done, and how to undo it. Faults stay until they are
 * closed.
 */

import { html } from "htm/preact";
import { signal } from "@preact/signals";
import { Icon } from "./kit.js";
import { sentence } from "../lib/format.js";

const KEPT = 4;
const SHOWN_FOR_MS = 7_000;

/**
 * @typedef {object} Toast
 * @property {"good"|"bad"|"info"} [tone]
 * @property {string} text
 * @property {string} [detail]
 * @property {{text: string, run: () => void}} [act]
 * @property {() => void} [gone]  it left, and nobody has acted on it
 */

/** @type {import("@preact/signals").Signal<(Toast & {id: number})[]>} */
const shown = signal([]);
let last = 0;
let held = false;

/** @param {Toast} message */
export function toast(message) {
  last += 1;
  const id = last;
  for (const one of shown.value.slice(0, Math.max(0, shown.value.length + 1 - KEPT))) leave(one.id);
  shown.value = [...shown.value, { ...message, id }];
  if (message.tone !== "bad") leaveLater(id);
}

/** @param {number} id */
function leaveLater(id) {
  setTimeout(() => (held ? leaveLater(id) : leave(id)), SHOWN_FOR_MS);
}

/** @param {number} id @param {boolean} [acted] */
function leave(id, acted = false) {
  const leaving = shown.value.find((one) => one.id === id);
  shown.value = shown.value.filter((one) => one.id !== id);
  if (!acted) leaving?.gone?.();
}

/** @param {unknown} error @param {string} [what] what was tried */
export function toastError(error, what) {
  const text = error instanceof Error ? error.message : String(error);
  toast(what ? { tone: "bad", text: what, detail: text } : { tone: "bad", text: sentence(text) });
}

export const Toasts = () =>
  html`<div
    class="toasts"
    role="status"
    aria-live="polite"
    onPointerEnter=${() => (held = true)}
    onPointerLeave=${() => (held = false)}
  >
    ${shown.value.map(
      (one) =>
        html`<div class=${`toast ${one.tone ?? "good"}`} key=${one.id}>
          <${Icon} name=${one.tone === "bad" ? "warn" : one.tone === "info" ? "info" : "check"} />
          <div class="body">
            <div>${one.text}</div>
            ${one.detail && html`<div class="dim">${one.detail}</div>`}
          </div>
          ${
            one.act &&
            html`<button
              type="button"
              class="btn small"
              onClick=${() => {
                leave(one.id, true);
                one.act?.run();
              }}
            >
              ${one.act.text}
            </button>`
          }
          <button
            type="button"
            class="btn small quiet only"
            aria-label="Dismiss"
            onClick=${() => leave(one.id)}
          >
            <${Icon} name="x" class="small" />
          </button>
        </div>`,
    )}
  </div>`;
