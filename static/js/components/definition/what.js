// @ts-check
/** What is served: a card for each handler there is, or a class of the reader's own. */

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import { Choices, Problem, TextField } from "../fields.js";
import { Icon, Prose } from "../kit.js";
import { fieldsOf, rawOptions } from "../../lib/schema.js";

/** @import { Handler } from "../../types.js" */
/** @import { Checked } from "./checked.js" */
/** @import { Part } from "./form.js" */

/** @param {Part & {handlers: Handler[], checked: Checked, edits: boolean}} props */
export function What({ form, set, handlers, checked, errors, edits }) {
  const [all, setAll] = useState(!edits);
  const choose = (/** @type {string} */ value) => {
    if (value === "") {
      const typed = form.own ? form.handler : "";
      return set({ own: true, handler: typed, options: {}, attributes: "" });
    }
    const handler = /** @type {Handler} */ (handlers.find((one) => one.name === value));
    const fits = handler.transports.length === 0 || handler.transports.includes(form.scheme);
    return set({
      own: false,
      handler: value,
      options: handler.options_schema ? rawOptions(fieldsOf(handler.options_schema), {}) : {},
      attributes: "",
      ...(fits ? {} : { scheme: handler.transports[0] ?? "tcp" }),
      ...(handler.shares_state && form.concurrency === "forking"
        ? { concurrency: "threading" }
        : {}),
    });
  };
  if (!all && !errors["/handler"]) {
    return html`<div class="step">
      <h2>
        <span class="num">1</span>What <small>the request handler that every client gets</small>
      </h2>
      <div class="row wrap">
        <span class="mono strong">${form.handler}</span
        ><span class="dim clip grow">${checked.handler?.description.split("\n")[0]}</span>
        <button type="button" class="btn small" onClick=${() => setAll(true)}>
          Another handler
        </button>
      </div>
    </div>`;
  }
  return html`<div class="step">
    <h2>
      <span class="num">1</span>What <small>the request handler that every client gets</small>
    </h2>
    <${Choices}
      name="handler"
      label="Handler"
      value=${form.own ? "" : form.handler}
      onChange=${choose}
      options=${[
        ...handlers.map((handler) => ({
          value: handler.name,
          title: html`<span class="mono">${handler.name}</span>`,
          text:
            handler.description && html`<${Prose} text=${handler.description.split("\n")[0]} />`,
          can: `${handler.transports.join(" ")}${handler.source === "builtin" ? "" : " · your own"}`,
        })),
        {
          value: "",
          title: "Your own class",
          text: "module:Class from the handlers folder",
          can: "any BaseRequestHandler",
        },
      ]}
    />
    ${
      form.own
        ? html`<${TextField}
            pointer="/handler"
            label="Class"
            mono
            value=${form.handler}
            placeholder="hello:Hello"
            error=${errors["/handler"] ?? (checked.is === "wrong" ? checked.why : undefined)}
            onInput=${(/** @type {string} */ value) => set({ handler: value })}
            hint=${html`<${CheckedHint} checked=${checked} />`}
          />`
        : checked.handler?.description &&
          html`<p class="dim"><${Prose} text=${checked.handler.description} /></p>`
    }
    ${!form.own && html`<${Problem} text=${errors["/handler"]} />`}
  </div>`;
}

/** @param {{checked: Checked}} props */
function CheckedHint({ checked }) {
  if (checked.is === "checking") return html`<span>looking for it</span>`;
  if (checked.is === "found") {
    return html`<span class="row ok"
      ><${Icon}
        name="check"
        class="small"
      />found${checked.handler?.description ? `: ${checked.handler.description.split("\n")[0]}` : ""}</span
    >`;
  }
  return html`<span
    >A file of the handlers folder and a class in it. It is looked for as you type.</span
  >`;
}
