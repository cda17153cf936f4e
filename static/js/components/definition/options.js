// @ts-check
/** A handler's options: fields from its JSON Schema, or any class attributes where it has none. */

import { html } from "htm/preact";
import { OptionInput, TextField } from "../fields.js";
import { fieldsOf } from "../../lib/schema.js";

/** @import { Handler } from "../../types.js" */
/** @import { Form } from "../../lib/definition.js" */
/** @import { Part } from "./form.js" */

/** @param {Part & {handler: Handler|undefined}} props */
export function Options({ form, set, handler, errors }) {
  if (!handler) return null;
  const schema = handler.options_schema;
  const fields = fieldsOf(schema);
  const change = (/** @type {string} */ key, /** @type {any} */ raw) =>
    set({ options: { ...form.options, [key]: raw } });
  if (schema && fields.length === 0) return null;
  return html`<div class="step">
    <h2>
      <span class="num">4</span>Options <small>of <span class="mono">${handler.name}</span></small>
    </h2>
    ${
      schema
        ? html`<div class="fields">
            ${fields.map((field) => html`<${OptionInput}
                key=${field.key}
                field=${field}
                raw=${form.options[field.key]}
                error=${errors[`/options/${field.key}`]}
                onChange=${(/** @type {any} */ raw) => change(field.key, raw)}
              />`)}
          </div>`
        : html`<${TextField}
            pointer="/options"
            label="Class attributes"
            long
            mono
            optional
            value=${form.attributes}
            error=${errors["/options"]}
            onInput=${(/** @type {string} */ attributes) => set({ attributes })}
            placeholder=${'{"greeting": "Good morning"}'}
            hint="An object in JSON. Each becomes a class attribute of a subclass made for this service."
          />`
    }
  </div>`;
}
