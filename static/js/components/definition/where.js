// @ts-check
/** Where it listens: the transport, and a host with a port or a path; and its name. */

import { html } from "htm/preact";
import { Problem, TextField } from "../fields.js";
import { Segment } from "../kit.js";
import { addressOf } from "../../lib/definition.js";

/** @import { Handler } from "../../types.js" */
/** @import { Part } from "./form.js" */

const SCHEMES = [
  { value: "tcp", text: "TCP" },
  { value: "udp", text: "UDP" },
  { value: "unix", text: "Unix stream" },
  { value: "unixgram", text: "Unix datagram" },
];

/** @param {Part & {handler: Handler|undefined, edits: boolean}} props */
export function Where({ form, set, handler, errors, edits }) {
  const unix = form.scheme.startsWith("unix");
  const can = handler?.transports ?? [];
  const transport = SCHEMES.find((one) => one.value === form.scheme)?.text;
  const wrongAddress = errors["/address"] ?? "";
  // Host and port are one field of the definition: of a taken address, the port is what one changes.
  const aboutPort =
    /\bports?\b|is the address of/.test(wrongAddress) || !/^\d*$/.test(form.port.trim());
  const wrong = can.length > 0 && !can.includes(form.scheme);
  return html`<div class="step">
    <h2><span class="num">2</span>Where <small>the address it listens at</small></h2>
    <div class="row wrap">
      <${Segment}
        label="Transport"
        value=${form.scheme}
        onChange=${(/** @type {string} */ scheme) => set({ scheme })}
        options=${SCHEMES}
      />
      <span class="mono dim clip">${addressOf(form)}</span>
    </div>
    ${wrong && html`<${Problem} text=${`${handler?.name} does not serve ${transport}; it serves ${can.join(", ")}`} />`}
    <div class="fields">
      ${
        unix
          ? html`<${TextField}
              pointer="/address"
              label="Path of the socket"
              mono
              wide
              value=${form.path}
              placeholder="/tmp/echo.sock"
              error=${errors["/address"]}
              onInput=${(/** @type {string} */ path) => set({ path })}
              hint="An absolute path. A dead socket file is replaced; a live one, or any other file, is left alone."
            />`
          : html`<${TextField}
                pointer="/address"
                label="Host"
                mono
                value=${form.hostname}
                error=${aboutPort ? undefined : errors["/address"]}
                list="hosts"
                onInput=${(/** @type {string} */ hostname) => set({ hostname })}
                hint=${hostHint(form.hostname)}
              />
              <datalist id="hosts">
                <option value="127.0.0.1">this machine only</option>
                <option value="0.0.0.0">every IPv4 address</option>
                <option value="::1">this machine only, IPv6</option>
                <option value="::">every address, IPv6</option>
              </datalist>
              <${TextField}
                pointer="/address/port"
                label="Port"
                numeric
                value=${form.port}
                error=${aboutPort ? errors["/address"] : undefined}
                onInput=${(/** @type {string} */ port) => set({ port })}
                hint=${portHint(form.port)}
              />`
      }
      <${TextField}
        pointer="/name"
        label="Name"
        mono
        value=${form.name}
        disabled=${edits}
        placeholder="lower-case, digits, hyphens"
        error=${errors["/name"]}
        onInput=${(/** @type {string} */ name) => set({ name })}
        hint=${edits ? "A name stays: its history hangs on it." : "It is in the service’s own URL."}
      />
    </div>
  </div>`;
}

/** @param {string} host */
function hostHint(host) {
  if (host === "" || host === "0.0.0.0" || host === "::")
    return "Every address: whoever reaches this machine can connect.";
  if (host === "127.0.0.1" || host === "::1" || host === "localhost") return "This machine only.";
  return "One address of this machine.";
}

/** @param {string} port */
function portHint(port) {
  if (port.trim() === "" || port.trim() === "0")
    return "0: the kernel picks a free one at each start.";
  return Number(port) < 1024
    ? "Below 1024 needs privileges."
    : "If it is in use at start, you are told by whom.";
}
