// @ts-check
/** What most services leave as it is, folded: capture, limits, life, description and labels. */

import { html } from "htm/preact";
import { CheckField, Field, Pairs, SelectField, TextField } from "../fields.js";
import { Icon } from "../kit.js";
import { LEVELS } from "../../lib/definition.js";
import { isDatagram } from "../../lib/states.js";

/** @import { Form } from "../../lib/definition.js" */
/** @import { Part } from "./form.js" */

/** @param {{title: string, summary: any, children?: any}} props */
const Fold = ({ title, summary, children }) =>
  html`<details class="fold">
    <summary>
      <${Icon} name="right" class="small turns" /><span>${title}</span
      ><small class="clip">${summary}</small>
    </summary>
    <div class="fold-body stack">${children}</div>
  </details>`;

const POLICIES = [
  { value: "on-failure", text: "on failure" },
  { value: "always", text: "always, also after the last request" },
  { value: "never", text: "never" },
];

/** @param {Form} form */
function captureSummary({ capture: { level, bytes } }) {
  if (level !== "payload" && level !== "auto") return level;
  return bytes === "0" ? `${level}, all bytes` : `${level}, first ${bytes} bytes`;
}

/** @param {Form} form */
const lifeSummary = ({ requests, drain_timeout, restart, autostart }) =>
  [
    requests ? `${requests} requests, then stopped` : "serve_forever",
    /^\s*\d/.test(drain_timeout) && `drains ${drain_timeout} s`,
    `restarts ${restart.policy.replace("-", " ")}`,
    autostart && "autostart",
  ]
    .filter(Boolean)
    .join("; ");

/** @param {Part} props */
export function More({ form, set, errors }) {
  const capture = (/** @type {Partial<Form["capture"]>} */ change) =>
    set({ capture: { ...form.capture, ...change } });
  const limits = (/** @type {Partial<Form["limits"]>} */ change) =>
    set({ limits: { ...form.limits, ...change } });
  const restart = (/** @type {Partial<Form["restart"]>} */ change) =>
    set({ restart: { ...form.restart, ...change } });
  const datagram = isDatagram(form.scheme);
  return html`<div class="folds">
    <${Fold}
        title="Capture"
        summary=${captureSummary(form)}
      >
      <div class="fields"><${SelectField}
          pointer="/capture/level"
          label="What is recorded"
          value=${form.capture.level}
          options=${LEVELS}
          error=${errors["/capture/level"]}
          onChange=${(/** @type {string} */ level) => capture({ level })}
          hint="More is seen, and costs more a message."
        />
      ${["payload", "auto"].includes(form.capture.level) && html`<${TextField}
          pointer="/capture/bytes"
          label="Bytes of each message"
          numeric
          unit="bytes"
          value=${form.capture.bytes}
          error=${errors["/capture/bytes"]}
          onInput=${(/** @type {string} */ bytes) => capture({ bytes })}
          hint="0: all of it"
        />`}</div>
    </${Fold}>
    <${Fold}
        title="Limits"
        summary=${datagram ? `datagrams up to ${form.limits.max_datagram} bytes` : `backlog ${form.limits.backlog}`}
      >
      <div class="fields">${
        datagram
          ? html`<${TextField}
              pointer="/limits/max_datagram"
              label="Longest datagram"
              numeric
              unit="bytes"
              value=${form.limits.max_datagram}
              error=${errors["/limits/max_datagram"]}
              onInput=${(/** @type {string} */ max_datagram) => limits({ max_datagram })}
              hint="What is longer is cut."
            />`
          : html`<${TextField}
              pointer="/limits/backlog"
              label="Backlog"
              numeric
              value=${form.limits.backlog}
              error=${errors["/limits/backlog"]}
              onInput=${(/** @type {string} */ backlog) => limits({ backlog })}
              hint="Connections that the kernel lets wait to be accepted."
            />`
      }</div>
    </${Fold}>
    <${Fold}
        title="Life"
        summary=${lifeSummary(form)}
      >
      <div class="fields">
        <${TextField}
            pointer="/requests"
            label="Requests"
            numeric
            optional
            value=${form.requests}
            placeholder="no end"
            error=${errors["/requests"]}
            onInput=${(/** @type {string} */ requests) => set({ requests })}
            hint="Empty: serve_forever. A number: handle_request so often, then stopped."
          />
        <${TextField}
            pointer="/drain_timeout"
            label="Drain"
            numeric
            unit="seconds"
            value=${form.drain_timeout}
            error=${errors["/drain_timeout"]}
            onInput=${(/** @type {string} */ drain_timeout) => set({ drain_timeout })}
            hint="How long a stop waits for open connections before it closes them."
          />
        <${SelectField}
            pointer="/restart/policy"
            label="Restart"
            value=${form.restart.policy}
            options=${POLICIES}
            error=${errors["/restart/policy"]}
            onChange=${(/** @type {string} */ policy) => restart({ policy })}
            hint="When it ends though nobody asked."
          />
        ${
          form.restart.policy !== "never" &&
          html`<${TextField}
              pointer="/restart/delay"
              label="First delay"
              numeric
              unit="seconds"
              value=${form.restart.delay}
              error=${errors["/restart/delay"]}
              onInput=${(/** @type {string} */ delay) => restart({ delay })}
              hint="Doubles with each try."
            />
            <${TextField}
              pointer="/restart/maximum_delay"
              label="Longest delay"
              numeric
              unit="seconds"
              value=${form.restart.maximum_delay}
              error=${errors["/restart/maximum_delay"] ?? errors["/restart"]}
              onInput=${(/** @type {string} */ maximum_delay) => restart({ maximum_delay })}
            />
            <${TextField}
              pointer="/restart/attempts"
              label="Attempts"
              numeric
              optional
              value=${form.restart.attempts}
              placeholder="no end"
              error=${errors["/restart/attempts"]}
              onInput=${(/** @type {string} */ attempts) => restart({ attempts })}
              hint="In a row; then it stays failed."
            />`
        }
      </div>
      <${CheckField}
          pointer="/autostart"
          label="Autostart"
          checked=${form.autostart}
          onChange=${(/** @type {boolean} */ autostart) => set({ autostart })}
          error=${errors["/autostart"]}
          hint="When the panel starts, it brings back what was last asked of the service."
        />
    </${Fold}>
    <${Fold}
        title="Description and labels"
        summary=${[form.description, ...form.labels.map(([key, value]) => `${key}=${value}`)].filter(Boolean).join(", ")}
      >
      <${TextField}
          pointer="/description"
          label="Description"
          optional
          value=${form.description}
          error=${errors["/description"]}
          onInput=${(/** @type {string} */ description) => set({ description })}
        />
      <${Field}
          pointer="/labels"
          label="Labels"
          optional
          group
          error=${errors["/labels"]}
        ><${Pairs}
            pairs=${form.labels}
            onChange=${(/** @type {[string, string][]} */ labels) => set({ labels })}
          /></${Field}>
    </${Fold}>
  </div>`;
}
