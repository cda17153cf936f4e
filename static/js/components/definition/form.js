// @ts-check
/** The form of a definition: for a new service and for the settings of one that is there. */

import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { Notice } from "../kit.js";
import { How } from "./how.js";
import { More } from "./more.js";
import { Options } from "./options.js";
import { What } from "./what.js";
import { Where } from "./where.js";
import { fieldsOf } from "../../lib/schema.js";

/** @import { FieldError, Handler, Schema } from "../../types.js" */
/** @import { Form } from "../../lib/definition.js" */
/** @import { Checked } from "./checked.js" */

/**
 * What each part of the form is given.
 * @typedef {{form: Form, set: (change: Partial<Form>) => void, errors: Record<string, string>}} Part
 */

const POINTERS = [
  "/name",
  "/description",
  "/labels",
  "/address",
  "/concurrency",
  "/pool_size",
  "/handler",
  "/requests",
  "/host",
  "/affinity",
  "/autostart",
  "/drain_timeout",
  "/restart/policy",
  "/restart/delay",
  "/restart/maximum_delay",
  "/restart/attempts",
  "/limits/backlog",
  "/limits/max_datagram",
  "/capture/level",
  "/capture/bytes",
];

/**
 * What each field's errors are looked up by.
 * @param {Schema|null} schema of the handler's options, where it has one
 */
export const pointersOf = (schema) =>
  new Set([
    ...POINTERS,
    ...(schema ? fieldsOf(schema).map((field) => `/options/${field.key}`) : ["/options"]),
  ]);

/**
 * @param {{
 *   form: Form, set: (change: Partial<Form>) => void, handlers: Handler[], checked: Checked,
 *   errors: Record<string, string>, elsewhere: FieldError[], edits?: boolean, foot: any,
 * }} props
 */
export function DefinitionForm({
  form,
  set,
  handlers,
  checked,
  errors,
  elsewhere,
  edits = false,
  foot,
}) {
  const root = useRef(/** @type {HTMLElement|null} */ (null));
  const handler = checked.handler;
  // When errors arrive, no fold hides one, and the first comes into sight.
  useEffect(() => {
    if (Object.keys(errors).length === 0) return;
    const wrong = [...(root.current?.querySelectorAll('[aria-invalid="true"]') ?? [])];
    for (const field of wrong) field.closest("details")?.setAttribute("open", "");
    /** @type {HTMLElement|undefined} */ (wrong[0])?.focus();
  }, [errors]);
  return html`<section class="card" ref=${root}>
    ${
      elsewhere.length > 0 &&
      html`<div class="step"><${Notice} tone="bad" urgent what="This cannot be saved as it is.">
      <ul>${elsewhere.map((error) => html`<li>${error.pointer && html`<span class="mono">${error.pointer.slice(1)}</span>: `}${error.detail}</li>`)}</ul></${Notice}></div>`
    }
    <${What}
      form=${form}
      set=${set}
      handlers=${handlers}
      checked=${checked}
      errors=${errors}
      edits=${edits}
    />
    <${Where} form=${form} set=${set} handler=${handler} errors=${errors} edits=${edits} />
    <${How} form=${form} set=${set} handler=${handler} errors=${errors} />
    <${Options} form=${form} set=${set} handler=${handler} errors=${errors} />
    <${More} form=${form} set=${set} errors=${errors} />
    <div class="form-foot">${foot}</div>
  </section>`;
}
