// @ts-check
/** The form of a definition: for a new service and for the settings of one that is there. */

import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon, Notice, Prose, Segment } from "./kit.js";
import { CheckField, Choices, Field, OptionInput, Pairs, SelectField, TextField } from "./fields.js";
import { ApiError, call } from "../api.js";
import { addressOf } from "../lib/definition.js";
import { fieldsOf, rawOptions } from "../lib/schema.js";
import { isDatagram } from "../lib/states.js";

/** @import { Handler, Schema, FieldError } from "../types.js" */
/** @import { Form } from "../lib/definition.js" */

const CHECK_AFTER_MS = 400;

const SCHEMES = [
  { value: "tcp", text: "TCP" },
  { value: "udp", text: "UDP" },
  { value: "unix", text: "Unix stream" },
  { value: "unixgram", text: "Unix datagram" },
];

const CONCURRENCIES = [
  { value: "sync", title: "sync", text: "One request after the other, in one thread. Nothing runs beside it, so nothing is shared; everybody else waits." },
  { value: "threading", title: "threading", text: "A thread for each (ThreadingMixIn). They share the process: what more than one touches needs a lock." },
  { value: "pool", title: "pool", text: "A fixed number of threads; more clients wait in a queue. State is shared as with threading, load is bounded." },
  { value: "forking", title: "forking", text: "A child process for each (ForkingMixIn). Each has its own copy of the state; what it changes is gone when it ends." },
];

const HOSTS = [
  { value: "thread", title: "Background thread", text: "In the panel’s own process: the least memory, the quickest start." },
  { value: "process", title: "Child process", text: "A process of its own, on one core: a busy handler gets the interpreter to itself, and can harm nobody else." },
];

/** What each field's errors are looked up by. */
export const POINTERS = new Set(
  "name description labels address concurrency pool_size handler requests host affinity autostart drain_timeout restart/policy restart/delay restart/maximum_delay restart/attempts limits/backlog limits/max_datagram capture/level capture/bytes"
    .split(" ")
    .map((path) => `/${path}`),
);

/**
 * @typedef {object} Checked  what is known of the handler that is typed
 * @property {"none"|"checking"|"found"|"wrong"} is
 * @property {string} [why]
 * @property {string|null} [traceback]
 * @property {Handler} [handler]
 */

/** The handler's description: from the catalogue, or asked of the server. @param {string} name @param {boolean} own @param {Handler[]} handlers @returns {Checked} */
export function useHandler(name, own, handlers) {
  const listed = handlers.find((handler) => handler.name === name);
  const [answer, setAnswer] = useState(/** @type {{name: string, checked: Checked}} */ ({ name: "", checked: { is: "none" } }));
  const wanted = name.trim();
  const ask = own && wanted !== "" && !listed;
  useEffect(() => {
    if (!ask) return undefined;
    const abort = new AbortController();
    const timer = setTimeout(async () => {
      setAnswer({ name: wanted, checked: { is: "checking" } });
      try {
        const { body } = await call("POST", "/handlers/check", { handler: wanted }, { signal: abort.signal });
        setAnswer({ name: wanted, checked: { is: "found", handler: { name: wanted, title: wanted, description: "", transports: [], source: "file", ...body } } });
      } catch (error) {
        if (abort.signal.aborted) return;
        const why = error instanceof ApiError ? (error.errors[0]?.detail ?? error.message) : String(error);
        setAnswer({ name: wanted, checked: { is: "wrong", why } });
      }
    }, CHECK_AFTER_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [wanted, ask]);
  if (listed) return { is: "found", handler: listed };
  if (!ask) return { is: "none" };
  return answer.name === wanted ? answer.checked : { is: "checking" };
}

/**
 * @param {{
 *   form: Form, set: (change: Partial<Form>) => void, handlers: Handler[], checked: Checked,
 *   errors: Record<string, string>, elsewhere: FieldError[], edits?: boolean, foot: any,
 * }} props
 */
export function DefinitionForm({ form, set, handlers, checked, errors, elsewhere, edits = false, foot }) {
  const root = useRef(/** @type {HTMLElement|null} */ (null));
  const handler = checked.handler;
  // The first field with an error comes into sight when errors arrive.
  useEffect(() => {
    if (Object.keys(errors).length === 0) return;
    const first = root.current?.querySelector('[aria-invalid="true"]');
    first?.closest("details")?.setAttribute("open", "");
    /** @type {HTMLElement|null|undefined} */ (first)?.focus();
  }, [errors]);
  return html`<section class="card" ref=${root}>
    ${elsewhere.length > 0 &&
    html`<div class="step"><${Notice} tone="bad" urgent what="This cannot be saved as it is.">
      <ul>${elsewhere.map((error) => html`<li>${error.pointer && html`<span class="mono">${error.pointer.slice(1)}</span>: `}${error.detail}</li>`)}</ul></${Notice}></div>`}
    <${What} form=${form} set=${set} handlers=${handlers} checked=${checked} errors=${errors} edits=${edits} />
    <${Where} form=${form} set=${set} handler=${handler} errors=${errors} edits=${edits} />
    <${How} form=${form} set=${set} handler=${handler} errors=${errors} />
    <${Options} form=${form} set=${set} handler=${handler} errors=${errors} />
    <${More} form=${form} set=${set} errors=${errors} />
    <div class="form-foot">${foot}</div>
  </section>`;
}

/** @typedef {{form: Form, set: (change: Partial<Form>) => void, errors: Record<string, string>}} Part */

/** @param {Part & {handlers: Handler[], checked: Checked, edits: boolean}} props */
function What({ form, set, handlers, checked, errors, edits }) {
  const [all, setAll] = useState(!edits);
  const choose = (/** @type {string} */ value) => {
    if (value === "") return set({ own: true, handler: form.own ? form.handler : "", options: {} });
    const handler = /** @type {Handler} */ (handlers.find((one) => one.name === value));
    const fits = handler.transports.length === 0 || handler.transports.includes(form.scheme);
    return set({
      own: false,
      handler: value,
      options: handler.options_schema ? rawOptions(fieldsOf(handler.options_schema), {}) : {},
      ...(fits ? {} : { scheme: handler.transports[0] ?? "tcp" }),
      ...(handler.shares_state && form.concurrency === "forking" ? { concurrency: "threading" } : {}),
    });
  };
  if (!all && !errors["/handler"]) {
    return html`<div class="step"><h2><span class="num">1</span>What <small>the request handler that every client gets</small></h2>
      <div class="row wrap"><span class="mono strong">${form.handler}</span><span class="dim clip grow">${checked.handler?.description.split("\n")[0]}</span>
        <button type="button" class="btn small" onClick=${() => setAll(true)}>Another handler</button></div></div>`;
  }
  return html`<div class="step"><h2><span class="num">1</span>What <small>the request handler that every client gets</small></h2>
    <${Choices} name="handler" label="Handler" value=${form.own ? "" : form.handler} onChange=${choose}
      options=${[
        ...handlers.map((handler) => ({ value: handler.name, title: html`<span class="mono">${handler.name}</span>`, text: handler.source === "builtin" ? handler.title : `${handler.title}, your own`, can: handler.transports.join(" ") })),
        { value: "", title: "Your own class", text: "module:Class from the handlers folder", can: "any BaseRequestHandler" },
      ]} />
    ${form.own
      ? html`<${TextField} pointer="/handler" label="Class" mono value=${form.handler} placeholder="hello:Hello" error=${errors["/handler"] ?? (checked.is === "wrong" ? checked.why : undefined)}
          onInput=${(/** @type {string} */ value) => set({ handler: value })} hint=${html`<${CheckedHint} checked=${checked} />`} />`
      : html`${checked.handler?.description && html`<p class="dim"><${Prose} text=${checked.handler.description} /></p>`}${errors["/handler"] && html`<div class="field"><span class="error" role="alert">${errors["/handler"]}</span></div>`}`}
  </div>`;
}

/** @param {{checked: Checked}} props */
function CheckedHint({ checked }) {
  if (checked.is === "checking") return html`<span>looking for it</span>`;
  if (checked.is === "found") {
    return html`<span class="row ok"><${Icon} name="check" class="small" />found${checked.handler?.description ? `: ${checked.handler.description.split("\n")[0]}` : ""}</span>`;
  }
  return html`<span>A file of the handlers folder and a class in it. It is looked for as you type.</span>`;
}

/** @param {Part & {handler: Handler|undefined, edits: boolean}} props */
function Where({ form, set, handler, errors, edits }) {
  const unix = form.scheme.startsWith("unix");
  const can = handler?.transports ?? [];
  const aboutPort = /\bport\b/.test(errors["/address"] ?? "");
  const wrong = can.length > 0 && !can.includes(form.scheme);
  return html`<div class="step"><h2><span class="num">2</span>Where <small>the address it listens at</small></h2>
    <div class="row wrap"><${Segment} label="Transport" value=${form.scheme} onChange=${(/** @type {string} */ scheme) => set({ scheme })} options=${SCHEMES} />
      <span class="mono dim clip">${addressOf(form)}</span></div>
    ${wrong && html`<div class="field"><span class="error">${handler?.name} does not serve ${SCHEMES.find((one) => one.value === form.scheme)?.text}; it serves ${can.join(", ")}</span></div>`}
    <div class="fields">
      ${unix
        ? html`<${TextField} pointer="/address" label="Path of the socket" mono wide value=${form.path} placeholder="/tmp/echo.sock" error=${errors["/address"]}
            onInput=${(/** @type {string} */ path) => set({ path })} hint="An absolute path. A dead socket file is replaced; a live one, or any other file, is left alone." />`
        : html`<${TextField} pointer="/address" label="Host" mono value=${form.hostname} error=${aboutPort ? undefined : errors["/address"]} list="hosts"
              onInput=${(/** @type {string} */ hostname) => set({ hostname })} hint=${hostHint(form.hostname)} />
            <datalist id="hosts"><option value="127.0.0.1">this machine only</option><option value="0.0.0.0">every IPv4 address</option><option value="::1">this machine only, IPv6</option><option value="::">every address, IPv6</option></datalist>
            <${TextField} pointer="/address/port" label="Port" numeric value=${form.port} error=${aboutPort ? errors["/address"] : undefined} onInput=${(/** @type {string} */ port) => set({ port })} hint=${portHint(form.port)} />`}
      <${TextField} pointer="/name" label="Name" mono value=${form.name} disabled=${edits} placeholder="lower-case, digits, hyphens" error=${errors["/name"]}
        onInput=${(/** @type {string} */ name) => set({ name })} hint=${edits ? "A name stays: its history hangs on it." : "It is in the service’s own URL."} />
    </div>
  </div>`;
}

/** @param {string} host */
function hostHint(host) {
  if (host === "" || host === "0.0.0.0" || host === "::") return "Every address: whoever reaches this machine can connect.";
  if (host === "127.0.0.1" || host === "::1" || host === "localhost") return "This machine only.";
  return "One address of this machine.";
}

/** @param {string} port */
function portHint(port) {
  if (port.trim() === "" || port.trim() === "0") return "0: the kernel picks a free one at each start.";
  return Number(port) < 1024 ? "Below 1024 needs privileges." : "If it is in use at start, you are told by whom.";
}

/** @param {Part & {handler: Handler|undefined}} props */
function How({ form, set, handler, errors }) {
  const forking = form.concurrency === "forking";
  return html`<div class="step"><h2><span class="num">3</span>How <small>requests are served, and where the server runs</small></h2>
    <${Choices} name="concurrency" label="Concurrency" broad value=${form.concurrency} onChange=${(/** @type {string} */ concurrency) => set({ concurrency })}
      options=${CONCURRENCIES.map((one) => {
        const refused = one.value === "forking" && handler?.shares_state;
        return { ...one, title: html`<span class="mono">${one.title}</span>`, disabled: refused, ...(refused ? { text: `Not for ${handler?.name}: its clients meet in memory, which processes of their own would keep apart.` } : {}) };
      })} />
    ${errors["/concurrency"] && html`<div class="field"><span class="error" role="alert">${errors["/concurrency"]}</span></div>`}
    ${form.concurrency === "pool" &&
    html`<div class="fields"><${TextField} pointer="/pool_size" label="Threads in the pool" numeric value=${form.pool_size} error=${errors["/pool_size"]} onInput=${(/** @type {string} */ pool_size) => set({ pool_size })} hint="1 to 1,024; so many requests at once" /></div>`}
    ${forking
      ? html`<p class="dim">A forking service always runs in a child process: the panel itself never forks.</p>`
      : html`<${Choices} name="host" label="Runs in" broad value=${form.host} onChange=${(/** @type {string} */ host) => set({ host })} options=${HOSTS} />`}
    ${(forking || form.host === "process") &&
    html`<${CheckField} pointer="/affinity" label="Pin it to one core" checked=${form.affinity} onChange=${(/** @type {boolean} */ affinity) => set({ affinity })} error=${errors["/affinity"]}
      hint="Best for Python handlers. Switch it off for one that computes in C code without the interpreter’s lock." />`}
    ${errors["/host"] && html`<div class="field"><span class="error" role="alert">${errors["/host"]}</span></div>`}
  </div>`;
}

/** @param {Part & {handler: Handler|undefined}} props */
function Options({ form, set, handler, errors }) {
  if (!handler) return null;
  const schema = handler.options_schema;
  const fields = fieldsOf(schema);
  const change = (/** @type {string} */ key, /** @type {any} */ raw) => set({ options: { ...form.options, [key]: raw } });
  if (schema && fields.length === 0) return null;
  return html`<div class="step"><h2><span class="num">4</span>Options <small>of <span class="mono">${handler.name}</span></small></h2>
    ${schema
      ? html`<div class="fields">${fields.map((field) => html`<${OptionInput} key=${field.key} field=${field} raw=${form.options[field.key]} error=${errors[`/options/${field.key}`]} onChange=${(/** @type {any} */ raw) => change(field.key, raw)} />`)}</div>`
      : html`<${AnyOptions} form=${form} set=${set} error=${errors["/options"]} />`}
  </div>`;
}

/** Options of a class that declares none: they become its class attributes. @param {{form: Form, set: (change: Partial<Form>) => void, error: string|undefined}} props */
function AnyOptions({ form, set, error }) {
  const [text, setText] = useState(() => (Object.keys(form.options).length ? JSON.stringify(form.options, null, 2) : ""));
  const [wrong, setWrong] = useState("");
  const onInput = (/** @type {string} */ next) => {
    setText(next);
    try {
      const options = next.trim() ? JSON.parse(next) : {};
      if (options === null || typeof options !== "object" || Array.isArray(options)) throw new Error();
      setWrong("");
      set({ options });
    } catch {
      setWrong("an object in JSON is needed, such as {\"greeting\": \"Good morning\"}");
    }
  };
  return html`<${TextField} pointer="/options" label="Class attributes" long mono optional value=${text} onInput=${onInput} error=${wrong || error} placeholder=${'{"greeting": "Good morning"}'}
    hint="JSON. Each becomes a class attribute of a subclass made for this service." />`;
}

/** @param {{title: string, summary: any, children?: any}} props */
const Fold = ({ title, summary, children }) => html`<details class="fold">
  <summary><${Icon} name="right" class="small turns" /><span>${title}</span><small class="clip">${summary}</small></summary><div class="fold-body stack">${children}</div>
</details>`;

const LEVELS = [
  { value: "payload", text: "payload: each message and its first bytes" },
  { value: "events", text: "events: each message, without its bytes" },
  { value: "counters", text: "counters: opened, closed, errors, and bytes by count" },
  { value: "off", text: "off: open connections are listed, nothing recorded" },
];
const POLICIES = [
  { value: "on-failure", text: "on failure" },
  { value: "always", text: "always, also after the last request" },
  { value: "never", text: "never" },
];

/** @param {Part} props */
function More({ form, set, errors }) {
  const capture = (/** @type {Partial<Form["capture"]>} */ change) => set({ capture: { ...form.capture, ...change } });
  const limits = (/** @type {Partial<Form["limits"]>} */ change) => set({ limits: { ...form.limits, ...change } });
  const restart = (/** @type {Partial<Form["restart"]>} */ change) => set({ restart: { ...form.restart, ...change } });
  const datagram = isDatagram(form.scheme);
  return html`<div class="folds">
    <${Fold} title="Capture" summary=${form.capture.level === "payload" ? `payload, ${form.capture.bytes === "0" ? "all" : `first ${form.capture.bytes}`} bytes` : form.capture.level}>
      <div class="fields"><${SelectField} pointer="/capture/level" label="What is recorded" value=${form.capture.level} options=${LEVELS} error=${errors["/capture/level"]} onChange=${(/** @type {string} */ level) => capture({ level })} hint="More is seen, and costs more a message." />
      ${form.capture.level === "payload" && html`<${TextField} pointer="/capture/bytes" label="Bytes of each message" numeric unit="bytes" value=${form.capture.bytes} error=${errors["/capture/bytes"]} onInput=${(/** @type {string} */ bytes) => capture({ bytes })} hint="0: all of it" />`}</div>
    </${Fold}>
    <${Fold} title="Limits" summary=${datagram ? `datagrams up to ${form.limits.max_datagram} bytes` : `backlog ${form.limits.backlog}`}>
      <div class="fields">${datagram
        ? html`<${TextField} pointer="/limits/max_datagram" label="Longest datagram" numeric unit="bytes" value=${form.limits.max_datagram} error=${errors["/limits/max_datagram"]} onInput=${(/** @type {string} */ max_datagram) => limits({ max_datagram })} hint="What is longer is cut." />`
        : html`<${TextField} pointer="/limits/backlog" label="Backlog" numeric value=${form.limits.backlog} error=${errors["/limits/backlog"]} onInput=${(/** @type {string} */ backlog) => limits({ backlog })} hint="Connections that the kernel lets wait to be accepted." />`}</div>
    </${Fold}>
    <${Fold} title="Life" summary=${`${form.requests ? `${form.requests} requests, then stopped` : "serve_forever"}; drains ${form.drain_timeout} s; restarts ${form.restart.policy.replace("-", " ")}${form.autostart ? "; autostart" : ""}`}>
      <div class="fields">
        <${TextField} pointer="/requests" label="Requests" numeric optional value=${form.requests} placeholder="no end" error=${errors["/requests"]} onInput=${(/** @type {string} */ requests) => set({ requests })} hint="Empty: serve_forever. A number: handle_request so often, then stopped." />
        <${TextField} pointer="/drain_timeout" label="Drain" numeric unit="seconds" value=${form.drain_timeout} error=${errors["/drain_timeout"]} onInput=${(/** @type {string} */ drain_timeout) => set({ drain_timeout })} hint="How long a stop waits for open connections before it closes them." />
        <${SelectField} pointer="/restart/policy" label="Restart" value=${form.restart.policy} options=${POLICIES} error=${errors["/restart/policy"]} onChange=${(/** @type {string} */ policy) => restart({ policy })} hint="When it ends though nobody asked." />
        ${form.restart.policy !== "never" &&
        html`<${TextField} pointer="/restart/delay" label="First delay" numeric unit="seconds" value=${form.restart.delay} error=${errors["/restart/delay"]} onInput=${(/** @type {string} */ delay) => restart({ delay })} hint="Doubles with each try." />
          <${TextField} pointer="/restart/maximum_delay" label="Longest delay" numeric unit="seconds" value=${form.restart.maximum_delay} error=${errors["/restart/maximum_delay"] ?? errors["/restart"]} onInput=${(/** @type {string} */ maximum_delay) => restart({ maximum_delay })} />
          <${TextField} pointer="/restart/attempts" label="Attempts" numeric optional value=${form.restart.attempts} placeholder="no end" error=${errors["/restart/attempts"]} onInput=${(/** @type {string} */ attempts) => restart({ attempts })} hint="In a row; then it stays failed." />`}
      </div>
      <${CheckField} pointer="/autostart" label="Autostart" checked=${form.autostart} onChange=${(/** @type {boolean} */ autostart) => set({ autostart })} error=${errors["/autostart"]} hint="When the panel starts, it brings back what was last asked of the service." />
    </${Fold}>
    <${Fold} title="Description and labels" summary=${[form.description, ...form.labels.map(([key, value]) => `${key}=${value}`)].filter(Boolean).join(", ")}>
      <${TextField} pointer="/description" label="Description" optional value=${form.description} error=${errors["/description"]} onInput=${(/** @type {string} */ description) => set({ description })} />
      <${Field} pointer="/labels" label="Labels" optional group error=${errors["/labels"]}><${Pairs} pairs=${form.labels} onChange=${(/** @type {[string, string][]} */ labels) => set({ labels })} /></${Field}>
    </${Fold}>
  </div>`;
}
