// @ts-check
/** Beside the table of connections: all that is known of the picked one. */

import { html } from "htm/preact";
import { Untrusted } from "./bytes.js";
import { Button, Mark, Trace } from "./kit.js";
import { closeConnection } from "../lib/actions.js";
import { age } from "../lib/clock.js";
import { ago, moment, plural, size, span, words } from "../lib/format.js";

/** @import { Row } from "../lib/connection-rows.js" */

/**
 * @param {{row: Row, one: string, onClose: () => void, onEvents?: ((id: number) => void)|undefined}} props
 */
export function ConnectionFacts({ row, one, onClose, onEvents }) {
  const open = row.state === "open";
  const credentials = row.peer_credentials;
  return html`<aside class="tail-detail" aria-label=${`The picked ${one}`}>
    <div class="row"><${Mark} connection=${row} /><span class="mono faint push">#${row.id}</span><${Button}
        icon="x"
        small
        kind="quiet"
        label="Close"
        onClick=${onClose}
      /></div>
    <div class="row wrap"><${Button}
        small
        kind="primary"
        icon="right"
        href=${`/connections/${row.id}`}
      >Open</${Button}>
      ${
        onEvents
          ? html`<${Button}
              small
              icon="text"
              onClick=${() => onEvents(row.id)}
            >Its events</${Button}>`
          : html`<${Button}
              small
              icon="text"
              href=${`/events?filter=${encodeURIComponent(`connection:${row.id}`)}`}
            >Its events</${Button}>`
      }
      ${open && html`<${Button}
          small
          kind="danger"
          icon="x"
          onClick=${() => closeConnection(row)}
        >Close</${Button}>`}</div>
    <dl class="facts">
      <dt>Peer</dt><dd class="mono">${row.peer === null ? "unnamed" : html`<${Untrusted} text=${row.peer} />`}</dd>
      ${
        row.local &&
        html`<dt>Local</dt>
          <dd class="mono">${row.local}</dd>`
      }
      <dt>Opened</dt><dd class="mono">${moment(row.opened_at)}</dd>
      ${
        row.closed_at &&
        html`<dt>Closed</dt>
          <dd class="mono">${moment(row.closed_at)}</dd>`
      }
      <dt>${open ? "Age" : "Lasted"}</dt><dd>${open ? ago(age(row.opened_at)) : span(row.duration)}</dd>
      ${
        row.close_reason &&
        html`<dt>Reason</dt>
          <dd>${words(row.close_reason)}</dd>`
      }
      <dt>In</dt><dd><span class="in">${size(row.bytes.in)}</span>${messages(row, "in")}</dd>
      <dt>Out</dt><dd><span class="out">${size(row.bytes.out)}</span>${messages(row, "out")}</dd>
      ${
        row.kernel &&
        html`<dt>Round trip</dt>
          <dd>${span(row.kernel.rtt)}</dd>`
      }
      ${
        credentials &&
        html`<dt>Peer process</dt>
          <dd class="mono">
            pid ${credentials.pid}, uid ${credentials.uid}, gid ${credentials.gid}
          </dd>`
      }
      ${
        row.thread &&
        html`<dt>Thread</dt>
          <dd class="mono">${row.thread}</dd>`
      }
      ${
        row.pid &&
        html`<dt>Process</dt>
          <dd class="mono">${row.pid}</dd>`
      }
    </dl>
    ${
      row.error &&
      html`<p class="bad">${row.error.type}: <${Untrusted} text=${row.error.message} /></p>
        ${row.error.traceback && html`<${Trace} text=${row.error.traceback} open />`}`
    }
  </aside>`;
}

/**
 * In how many messages; the kernel, where it is who counts, does not know.
 * @param {Row} row @param {"in"|"out"} way
 */
const messages = (row, way) =>
  row.counted_by === "kernel" ? "" : ` in ${plural(row.messages[way], "message")}`;
