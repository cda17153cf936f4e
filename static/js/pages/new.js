// @ts-check
/** A new service: what, where, how; beside it, the same for elsewhere. */

import { html } from "htm/preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { ApiError, get, post } from "../api.js";
import { useHandler } from "../components/definition/checked.js";
import { DefinitionForm, pointersOf } from "../components/definition/form.js";
import { Button } from "../components/kit.js";
import { SameAs } from "../components/same-as.js";
import { toastError } from "../components/toast.js";
import { boot } from "../lib/boot.js";
import { definitionOf, formOf, placed, sortErrors, suggestName } from "../lib/definition.js";
import { fieldsOf, rawOptions } from "../lib/schema.js";
import { open } from "../lib/shell.js";

/** @import { FieldError, Handler, Service } from "../types.js" */
/** @import { Form } from "../lib/definition.js" */

/** @type {Handler[]} */
const handlers = boot.handlers;

/** @returns {Form} */
function firstForm() {
  const wanted = new URLSearchParams(location.search).get("handler") ?? handlers[0]?.name ?? "";
  const handler = handlers.find((one) => one.name === wanted);
  const scheme = handler?.transports[0] ?? "tcp";
  return {
    ...formOf({ handler: wanted, name: suggestName(wanted, []) }, handler?.options_schema ?? null),
    own: !handler,
    scheme,
    options: handler?.options_schema ? rawOptions(fieldsOf(handler.options_schema), {}) : {},
  };
}

function NewService() {
  const [form, setForm] = useState(firstForm);
  const [taken, setTaken] = useState(/** @type {string[]} */ ([]));
  const [named, setNamed] = useState(false);
  const [errors, setErrors] = useState(/** @type {FieldError[]} */ ([]));
  const [busy, setBusy] = useState("");
  const checked = useHandler(form.handler, form.own, handlers);
  const schema = checked.handler?.options_schema ?? null;
  const definition = useMemo(() => definitionOf(form, schema), [form, schema]);
  const sorted = useMemo(() => sortErrors(errors, pointersOf(schema)), [errors]);

  useEffect(() => {
    get("/services?limit=500").then(
      (answer) => setTaken(answer.items.map((/** @type {Service} */ service) => service.name)),
      () => {},
    );
  }, []);
  useEffect(() => {
    if (!named) setForm((before) => ({ ...before, name: suggestName(before.handler, taken) }));
  }, [taken, form.handler, named]);

  const set = (/** @type {Partial<Form>} */ change) => {
    if ("name" in change) setNamed(change.name !== "");
    // A field that was touched is no longer wrong until the server says so again.
    if (errors.length)
      setErrors((before) => before.filter((error) => !touches(change, error.pointer)));
    setForm((before) => ({ ...before, ...change }));
  };

  const create = async (/** @type {boolean} */ start) => {
    setBusy(start ? "start" : "create");
    try {
      const service = await post(`/services${start ? "?start=true" : ""}`, definition);
      location.assign(`/services/${service.name}`);
    } catch (error) {
      setBusy("");
      if (error instanceof ApiError && error.status < 500 && error.status !== 0) {
        setErrors(placed(error));
      } else toastError(error, "Creating it failed");
    }
  };

  return html`<header class="page-head">
      <h1>New service</h1>
      <span class="sub">what to serve, where, and how</span>
    </header>
    <div class="beside">
      <form
        class="stack"
        onSubmit=${(/** @type {Event} */ event) => {
          event.preventDefault();
          create(true);
        }}
      >
        <${DefinitionForm}
          form=${form}
          set=${set}
          handlers=${handlers}
          checked=${checked}
          errors=${sorted.at}
          elsewhere=${sorted.elsewhere}
          foot=${html`
          <${Button}
              kind="primary"
              icon="play"
              type="submit"
              busy=${busy === "start"}
              disabled=${busy !== ""}
            >Create and start</${Button}>
          <${Button}
              busy=${busy === "create"}
              disabled=${busy !== ""}
              onClick=${() => create(false)}
            >Create only</${Button}>
          <span class="push"></span><${Button} kind="quiet" href="/">Cancel</${Button}>`}
        />
      </form>
      <${SameAs} definition=${definition} />
    </div>`;
}

/** @param {Record<string, any>} change @param {string} pointer */
function touches(change, pointer) {
  const first = pointer.split("/")[1] ?? "";
  if (first === "address")
    return ["scheme", "hostname", "port", "path"].some((key) => key in change);
  if (first === "options" && "attributes" in change) return true;
  return first in change || pointer === "";
}

open(html`<${NewService} />`);
