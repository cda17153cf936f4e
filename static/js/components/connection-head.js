// @ts-check
/** The head of a connection's page: who talks to what, how it stands, and what may be done to it. */

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import { Untrusted } from "./bytes.js";
import { copyText } from "./copy.js";
import { Button, Icon, Mark, Notice, Trace } from "./kit.js";
import { toast } from "./toast.js";
import { canReset, endConnection } from "../lib/ending.js";
import { now, age } from "../lib/clock.js";
import { ago, clock, duration, span } from "../lib/format.js";
import { isDatagram } from "../lib/states.js";

/** @import { Connection } from "../types.js" */

/**
 * @param {{
 *   connection: Connection, beside: {previous: number|null, next: number|null},
 *   put: (connection: Connection) => void,
 * }} props
 */
export function ConnectionHead({ connection, beside, put }) {
  void now.value;
  const [busy, setBusy] = useState("");
  const open = connection.state === "open";
  const flow = isDatagram(connection.transport);
  const end = async (/** @type {"close"|"reset"} */ how) => {
    await endConnection(connection, how, put, () => setBusy(how));
    setBusy("");
  };
  const copyLink = async () => {
    const done = await copyText(`${location.origin}/connections/${connection.id}`);
    toast(done ? { text: "Copied the link" } : { tone: "bad", text: "The browser refused to copy." });
  };
  return html`<header class="page-head connection-head">
      <h1>
        <span class="kind dim">${flow ? "Flow" : "Connection"} #${connection.id}</span>
        <span class="ends"
          ><span class="mono"><${Peer} connection=${connection} /></span
          ><${Icon} name="in" class="faint" /><a class="link" href=${`/services/${connection.service}`}
            >${connection.service}</a
          ></span
        >
      </h1>
      <div class="tags">
        <span class="tag line" role="status"><${Mark} connection=${connection} /></span>
        <span class="tag">${connection.transport}</span>
        <span class="tag" title=${connection.opened_at}
          >${open ? `open for ${duration(age(connection.opened_at))}` : `lasted ${span(connection.duration)}`}</span
        >
        ${open && html`<span class="tag">idle ${ago(age(connection.last_activity))}</span>`}
        ${!open && connection.closed_at && html`<span class="tag" title=${connection.closed_at}>ended ${clock(connection.closed_at)}</span>`}
      </div>
      <div class="acts">
        <nav class="row" aria-label=${`Connections of ${connection.service}`}>
          <${Step} id=${beside.previous} icon="left" label="Previous connection" />
          <${Step} id=${beside.next} icon="right" label="Next connection" />
        </nav>
        <${Button} icon="link" onClick=${copyLink}>Copy link</${Button}>
        ${
          open &&
          canReset(connection) &&
          html`<${Button}
              kind="danger"
              busy=${busy === "reset"}
              onClick=${() => end("reset")}
            >Reset</${Button}>`
        }
        ${
          open &&
          html`<${Button}
              kind="danger"
              icon="x"
              busy=${busy === "close"}
              onClick=${() => end("close")}
            >${flow ? "Forget" : "Close"}</${Button}>`
        }
      </div>
    </header>
    ${
      connection.error &&
      html`<${Notice}
          tone="bad"
          what=${html`Its handler raised <span class="mono">${connection.error.type}</span>`}
          why=${html`<${Untrusted} text=${connection.error.message} class="plain" />`}
        >
        ${connection.error.traceback && html`<${Trace} text=${connection.error.traceback} />`}
      </${Notice}>`
    }`;
}

/** By its address, else by its process. @param {{connection: Connection}} props */
function Peer({ connection: { peer, peer_credentials: credentials } }) {
  if (peer !== null) return html`<${Untrusted} text=${peer} />`;
  if (!credentials) return "unnamed peer";
  return html`${credentials.process && html`<${Untrusted} text=${credentials.process} /> `}pid ${credentials.pid}`;
}

/** @param {{id: number|null, icon: string, label: string}} props */
const Step = ({ id, icon, label }) =>
  id === null
    ? html`<${Button} icon=${icon} label=${label} disabled />`
    : html`<${Button}
        icon=${icon}
        label=${label}
        tip=${`${label}, #${id}`}
        tipClass="tip-down"
        href=${`/connections/${id}`}
      />`;
