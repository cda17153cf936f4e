// @ts-check
/** Dialogs: a question before something is hit, or a page of its own in front of the page. */

import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { signal } from "@preact/signals";

/**
 * @typedef {object} Ask
 * @property {string} title  names what will be hit
 * @property {any} [body]
 * @property {any[]} [hits]  each thing that will be hit, where there are several
 * @property {{text: string, value: any, kind?: string}[]} acts  the last one has the focus
 * @property {boolean} [broad]
 */

/** @type {import("@preact/signals").Signal<{ask: Ask, answer: (value: any) => void}|null>} */
const open = signal(null);

/** Ask, and wait; `null` where the reader left it. @param {Ask} ask @returns {Promise<any>} */
export function ask(ask) {
  open.value?.answer(null);
  return new Promise((resolve) => {
    open.value = {
      ask,
      answer: (value) => {
        open.value = null;
        resolve(value);
      },
    };
  });
}

/**
 * Ask before one act; whether it was agreed to.
 * @param {Omit<Ask, "acts"> & {act: string, danger?: boolean}} question
 */
export async function confirm({ act, danger = true, ...question }) {
  const kind = danger ? "danger primary" : "primary";
  return (await ask({ ...question, acts: [{ text: act, value: true, kind }] })) === true;
}

export function Dialogs() {
  const current = open.value;
  return (
    current &&
    html`<${Frame} key=${current.ask.title} ask=${current.ask} answer=${current.answer} />`
  );
}

/** @param {{ask: Ask, answer: (value: any) => void}} props */
function Frame({ ask, answer }) {
  const ref = useRef(/** @type {HTMLDialogElement|null} */ (null));
  useEffect(() => {
    const dialog = ref.current;
    const before = /** @type {HTMLElement|null} */ (document.activeElement);
    dialog?.showModal();
    /** @type {HTMLElement|null|undefined} */ (dialog?.querySelector("[data-first]"))?.focus();
    return () => before?.focus?.();
  }, []);
  return html`<dialog
    ref=${ref}
    class=${ask.broad ? "broad" : ""}
    aria-labelledby="dialog-title"
    onCancel=${(/** @type {Event} */ event) => {
      event.preventDefault();
      answer(null);
    }}
    onClick=${(/** @type {MouseEvent} */ event) => event.target === ref.current && answer(null)}
  >
    <div class="dialog-body">
      <h2 id="dialog-title">${ask.title}</h2>
      ${ask.body && html`<div class="dim">${ask.body}</div>`}
      ${
        ask.hits &&
        html`<ul class="hits">
          ${ask.hits.map((hit) => html`<li>${hit}</li>`)}
        </ul>`
      }
    </div>
    <div class="dialog-foot">
      <button
        type="button"
        class="btn"
        data-first=${ask.acts.length ? undefined : ""}
        onClick=${() => answer(null)}
      >
        ${ask.acts.length ? "Cancel" : "Close"}
      </button>
      ${ask.acts.map(
        (act, at) =>
          html`<button
            type="button"
            class=${`btn ${act.kind ?? ""}`}
            data-first=${at === ask.acts.length - 1 ? "" : undefined}
            onClick=${() => answer(act.value)}
          >
            ${act.text}
          </button>`,
      )}
    </div>
  </dialog>`;
}
