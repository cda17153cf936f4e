// @ts-check
/**
 * The settings of a service: the form of its definition, guarded against lost edits, and its end.
 */

import { html } from "htm/preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { ApiError, call, get } from "../api.js";
import { useHandler } from "./definition/checked.js";
import { DefinitionForm, pointersOf } from "./definition/form.js";
import { Button, Notice } from "./kit.js";
import { SameAs } from "./same-as.js";
import { toast, toastError } from "./toast.js";
import { deleteService, isBusy } from "../lib/actions.js";
import { AT_ONCE, definitionOf, formOf, placed, sortErrors } from "../lib/definition.js";
import { fieldsOf, rawOptions } from "../lib/schema.js";
import { isUp } from "../lib/states.js";

/** @import { FieldError, Handler, Service } from "../types.js" */
/** @import { Form } from "../lib/definition.js" */

/**
 * @typedef {{
 *   service: Service,
 *   etag: string|null,
 *   time: number,
 * }} Loaded  as the server had it, the how-manieth time
 */

/** @param {{service: Service, onSaved: (service: Service) => void}} props */
export function Settings({ service, onSaved }) {
  const [handlers, setHandlers] = useState(/** @type {Handler[]|null} */ (null));
  const [loaded, setLoaded] = useState(/** @type {Loaded|null} */ (null));
  const load = async () => {
    try {
      const [listing, own] = await Promise.all([
        get("/handlers"),
        call("GET", `/services/${service.name}`),
      ]);
      setHandlers(listing.items);
      setLoaded((before) => ({ service: own.body, etag: own.etag, time: (before?.time ?? 0) + 1 }));
    } catch (error) {
      toastError(error, "Loading the settings failed");
    }
  };
  useEffect(() => {
    load();
  }, []);
  if (!handlers || !loaded)
    return html`<div class="step">
      ${[60, 85, 70, 40].map((width) => html`<span class="skeleton" style=${{ width: `${width}%` }}></span>`)}
    </div>`;
  return html`<${Editor}
    key=${loaded.time}
    handlers=${handlers}
    loaded=${loaded}
    live=${service}
    onSaved=${(/** @type {Service} */ saved) => {
      onSaved(saved);
      load();
    }}
    onReload=${load}
  />`;
}

/**
 * @param {{
 *   handlers: Handler[],
 *   loaded: Loaded,
 *   live: Service,
 *   onSaved: (service: Service) => void,
 *   onReload: () => void,
 * }} props
 */
function Editor({ handlers, loaded, live, onSaved, onReload }) {
  const service = loaded.service;
  const [form, setForm] = useState(() => ({
    ...formOf(service, null),
    own: !handlers.some((one) => one.name === service.handler),
  }));
  const [errors, setErrors] = useState(/** @type {FieldError[]} */ ([]));
  const [stale, setStale] = useState(false);
  const [busy, setBusy] = useState(false);
  const checked = useHandler(form.handler, form.own, handlers);
  const schema = checked.handler?.options_schema ?? null;
  // The options' form is that of the handler, which for a class of one's own is known only later.
  const [shaped, setShaped] = useState("");
  useEffect(() => {
    if (!schema || shaped === form.handler) return;
    setShaped(form.handler);
    setForm((before) => ({
      ...before,
      options: rawOptions(
        fieldsOf(schema),
        before.handler === service.handler ? service.options : {},
      ),
    }));
  }, [schema, form.handler]);
  const shape = shaped === form.handler ? schema : null;
  const said = useMemo(() => definitionOf(form, shape), [form, shape]);
  const sorted = useMemo(() => sortErrors(errors, pointersOf(schema)), [errors]);
  const { status, ...definition } = service;
  const wanted = { ...definition, ...said };
  const kept = definitionOf(formOf(service, shape), shape);
  const changed = JSON.stringify(said) !== JSON.stringify(kept);
  const waits =
    isUp(live.status.state) &&
    Object.keys({ ...said, ...kept }).some(
      (field) =>
        !AT_ONCE.has(field) &&
        JSON.stringify(/** @type {any} */ (said)[field]) !==
          JSON.stringify(/** @type {any} */ (kept)[field]),
    );

  const save = async () => {
    setBusy(true);
    setErrors([]);
    try {
      const { body } = await call("PUT", `/services/${service.name}`, wanted, {
        etag: loaded.etag,
      });
      const waiting = body.status.pending_changes.length;
      toast({
        text: `Saved ${service.name}`,
        ...(waiting ? { detail: "A restart applies what changed." } : {}),
      });
      onSaved(body);
    } catch (error) {
      if (error instanceof ApiError && error.status === 412) setStale(true);
      else if (error instanceof ApiError && error.status >= 400 && error.status < 500)
        setErrors(placed(error));
      else toastError(error, "Saving failed");
    }
    setBusy(false);
  };

  return html`<div class="settings">
    ${
      stale &&
      html`<div class="step">
        <${Notice}
          tone="warn"
          urgent
          what="Somebody else has saved these settings since you opened them."
          why="What you typed is still here. Load theirs, then make your change again."
          side=${html`<${Button} small onClick=${onReload}>Load theirs</${Button}>`}
        />
      </div>`
    }
    <div class="beside">
      <form
        onSubmit=${(/** @type {Event} */ event) => {
          event.preventDefault();
          save();
        }}
      >
        <${DefinitionForm}
          edits
          form=${form}
          set=${(/** @type {Partial<Form>} */ change) => setForm((before) => ({ ...before, ...change }))}
          handlers=${handlers}
          checked=${checked}
          errors=${sorted.at}
          elsewhere=${sorted.elsewhere}
          foot=${html`
            <${Button} kind="primary" type="submit" busy=${busy} disabled=${!changed}>Save</${Button}>
            <${Button} disabled=${!changed} onClick=${onReload}>Discard</${Button}>
            <span class="dim">${changed ? (waits ? "It goes on as it is until restarted." : "Not saved yet.") : ""}</span>
            <span class="push"></span><${Button}
                kind="danger"
                icon="trash"
                busy=${isBusy(service.name, "delete")}
                onClick=${() => deleteService(live)}
              >Delete</${Button}>`}
        />
      </form>
      <${SameAs} definition=${said} edits=${service.name} />
    </div>
  </div>`;
}
