// @ts-check
/** How requests are served, with what that means for shared state, and where the server runs. */

import { html } from "htm/preact";
import { CheckField, Choices, Problem, TextField } from "../fields.js";

/** @import { Handler } from "../../types.js" */
/** @import { Part } from "./form.js" */

const CONCURRENCIES = [
  {
    value: "sync",
    title: "sync",
    text: "One request after the other, in one thread. Nothing runs beside it, so nothing is shared; everybody else waits.",
  },
  {
    value: "threading",
    title: "threading",
    text: "A thread for each (ThreadingMixIn). They share the process: what more than one touches needs a lock.",
  },
  {
    value: "pool",
    title: "pool",
    text: "A fixed number of threads; more clients wait in a queue. State is shared as with threading, load is bounded.",
  },
  {
    value: "forking",
    title: "forking",
    text: "A child process for each (ForkingMixIn). Each has its own copy of the state; what it changes is gone when it ends.",
  },
];

const HOSTS = [
  {
    value: "thread",
    title: "Background thread",
    text: "In the panel’s own process: the least memory, the quickest start.",
  },
  {
    value: "process",
    title: "Child process",
    text: "A process of its own, on one core: a busy handler gets the interpreter to itself, and can harm nobody else.",
  },
];

/** @param {Part & {handler: Handler|undefined}} props */
export function How({ form, set, handler, errors }) {
  const forking = form.concurrency === "forking";
  return html`<div class="step">
    <h2>
      <span class="num">3</span>How <small>requests are served, and where the server runs</small>
    </h2>
    <${Choices}
      name="concurrency"
      label="Concurrency"
      broad
      value=${form.concurrency}
      onChange=${(/** @type {string} */ concurrency) => set({ concurrency })}
      options=${CONCURRENCIES.map((one) => {
        const refused = one.value === "forking" && handler?.shares_state;
        return {
          ...one,
          title: html`<span class="mono">${one.title}</span>`,
          disabled: refused,
          ...(refused
            ? {
                text: `Not for ${handler?.name}: its clients meet in memory, which processes of their own would keep apart.`,
              }
            : {}),
        };
      })}
    />
    <${Problem} text=${errors["/concurrency"]} />
    ${
      form.concurrency === "pool" &&
      html`<div class="fields">
        <${TextField}
          pointer="/pool_size"
          label="Threads in the pool"
          numeric
          value=${form.pool_size}
          error=${errors["/pool_size"]}
          onInput=${(/** @type {string} */ pool_size) => set({ pool_size })}
          hint="1 to 1,024; so many requests at once"
        />
      </div>`
    }
    ${
      forking
        ? html`<p class="dim">
            A forking service always runs in a child process: the panel itself never forks.
          </p>`
        : html`<${Choices}
            name="host"
            label="Runs in"
            broad
            value=${form.host}
            onChange=${(/** @type {string} */ host) => set({ host })}
            options=${HOSTS}
          />`
    }
    ${
      (forking || form.host === "process") &&
      html`<${CheckField}
        pointer="/affinity"
        label="Pin it to one core"
        checked=${form.affinity}
        onChange=${(/** @type {boolean} */ affinity) => set({ affinity })}
        error=${errors["/affinity"]}
        hint="Best for Python handlers. Switch it off for one that computes in C code without the interpreter’s lock."
      />`
    }
    <${Problem} text=${errors["/host"]} />
  </div>`;
}
