// @ts-check
/** Beside a conversation: all that is known of its connection. */

import { html } from "htm/preact";
import { Untrusted } from "./bytes.js";
import { Copy } from "./copy.js";
import { age, now } from "../lib/clock.js";
import { ago, duration, moment, number, plural, size, span, words } from "../lib/format.js";

/** @import { Connection, Traffic } from "../types.js" */

/** @param {{connection: Connection}} props */
export function ConnectionDetails({ connection }) {
  void now.value;
  const open = connection.state === "open";
  return html`<section class="card" aria-label="Facts">
    <div class="card-head slim-head"><h2>Facts</h2></div>
    <div class="card-body slim-body">
      <dl class="facts">
        <${Fact} name="Peer"><${Address} text=${connection.peer} /></${Fact}>
        ${connection.local && html`<${Fact} name="Local"><${Address} text=${connection.local} /></${Fact}>`}
        <${Fact} name="Opened"><span class="mono">${moment(connection.opened_at)}</span></${Fact}>
        ${connection.closed_at && html`<${Fact} name="Closed"><span class="mono">${moment(connection.closed_at)}</span></${Fact}>`}
        <${Fact} name=${open ? "Age" : "Lasted"}>${open ? duration(age(connection.opened_at)) : span(connection.duration)}</${Fact}>
        ${open && html`<${Fact} name="Idle">${ago(age(connection.last_activity))}</${Fact}>`}
        <${Fact} name="In"><${Moved} connection=${connection} way="in" /></${Fact}>
        <${Fact} name="Out"><${Moved} connection=${connection} way="out" /></${Fact}>
        ${connection.close_reason && html`<${Fact} name="Reason">${words(connection.close_reason)}</${Fact}>`}
        <${Served} connection=${connection} />
        <${Credentials} connection=${connection} />
        <${Secured} connection=${connection} />
      </dl>
    </div>
  </section>`;
}

/** @param {{name: string, children?: any}} props */
const Fact = ({ name, children }) => html`<dt>${name}</dt><dd>${children}</dd>`;

/** @param {{text: string|null}} props */
const Address = ({ text }) =>
  text === null
    ? html`<span class="dim">unnamed</span>`
    : html`<${Copy} text=${text} shown=${html`<${Untrusted} text=${text} />`} class="bare" />`;

/** @param {{connection: Connection, way: "in"|"out"}} props */
function Moved({ connection, way }) {
  const bytes = connection.bytes[way];
  const exact = bytes < 1000 ? "" : ` (${size(bytes)})`;
  const messages =
    connection.counted_by === "kernel" ? "" : `, ${plural(connection.messages[way], "message")}`;
  return html`<span class=${way}>${number(bytes)} B</span>${exact}${messages}${
    connection.counted_by === "kernel" &&
    html`<span class="faint">, as the kernel counts</span>`
  }`;
}

/** Who serves it. @param {{connection: Connection}} props */
const Served = ({ connection: { thread, pid, generation, waited } }) => html`
  ${waited != null && html`<${Fact} name="Waited">${span(waited)} for a thread</${Fact}>`}
  ${thread && html`<${Fact} name="Thread"><span class="mono">${thread}</span></${Fact}>`}
  ${pid != null && html`<${Fact} name="Process"><span class="mono">pid ${pid}</span></${Fact}>`}
  ${generation != null && html`<${Fact} name="Generation">${number(generation)}</${Fact}>`}
`;

/** Who is at the other end of a Unix socket. @param {{connection: Connection}} props */
function Credentials({ connection: { peer_credentials: peer } }) {
  if (!peer) return null;
  const process = peer.process ? html`<${Untrusted} text=${peer.process} />, ` : "";
  const user = peer.user ? html`<${Untrusted} text=${peer.user} />, ` : "";
  return html`<${Fact} name="Peer process">${process}<span class="mono">pid ${peer.pid}</span></${Fact}>
    <${Fact} name="Peer user">${user}<span class="mono">uid ${peer.uid}, gid ${peer.gid}</span></${Fact}>`;
}

/** @param {{connection: Connection}} props */
function Secured({ connection: { tls } }) {
  if (!tls) return null;
  return Object.entries(tls)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([key, value]) => {
      const text = typeof value === "object" ? JSON.stringify(value) : String(value);
      return html`<${Fact} name=${`TLS ${words(key)}`}><${Untrusted} text=${text} /></${Fact}>`;
    });
}
