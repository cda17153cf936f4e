// @ts-check
/** Beside the tail: all of the picked event. */

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import { Payload, Untrusted } from "./bytes.js";
import { CopyButton } from "./copy.js";
import { Button, Icon, Segment, Trace } from "./kit.js";
import { describe, shortKind } from "../lib/events.js";
import { termOf } from "../lib/filter-text.js";
import { moment, number, words } from "../lib/format.js";
import { decodeBase64, hex } from "../lib/payload.js";

/** @import { DeckEvent } from "../types.js" */
/** @import { As } from "./bytes.js" */

/** Takes one more term for the filter, with `-` in front where it is to leave out. */
/** @typedef {((term: string) => void)|undefined} OnTerm */

/** What of an event's data a filter has a field of the same name for. */
const FIELDS = new Set(
  "peer direction reason stream state type action thread pid length".split(" "),
);

/**
 * Narrow the filter by a fact: only such events, or none of them.
 * @param {{field: string, value: string|number, onTerm: OnTerm}} props
 */
function Narrow({ field, value, onTerm }) {
  if (!onTerm) return null;
  const term = termOf(field, value);
  return html`<span class="narrow"
    ><button
      type="button"
      aria-label=${`Only ${term}`}
      title=${`Only ${term}`}
      onClick=${() => onTerm(term)}
    >
      <${Icon} name="plus" class="small" /></button
    ><button
      type="button"
      aria-label=${`Without ${term}`}
      title=${`Without ${term}`}
      onClick=${() => onTerm(`-${term}`)}
    >
      <${Icon} name="minus" class="small" /></button
  ></span>`;
}

/**
 * @param {{
 *   event: DeckEvent,
 *   onClose: (by: MouseEvent) => void,
 *   onConnection?: ((id: number) => void)|undefined,
 *   onTerm?: OnTerm,
 * }} props
 */
export function EventDetail({ event, onClose, onConnection, onTerm }) {
  const line = describe(event);
  const data = event.data;
  const bytes = typeof data["data"] === "string" ? decodeBase64(data["data"]) : null;
  const traceback = data["traceback"] ?? data["error"]?.traceback ?? data["last_error"]?.traceback;
  const shown = new Set(["data", "traceback", "text"]);
  const [as, setAs] = useState(/** @type {As} */ ("auto"));
  return html`<aside class="tail-detail" aria-label="The picked event">
    <div class="row">
      <${Icon} name=${line.glyph} /><span class="strong">${line.word}</span
      ><span class="faint mono push">seq ${event.seq}</span>
      <${Button} icon="x" small kind="quiet" label="Close" onClick=${onClose} />
    </div>
    <div class="row">
      <${CopyButton} text=${JSON.stringify(event, null, 2)} label="Copy the event as JSON"
        >JSON</${CopyButton}
      >
      <${Button}
          small
          icon="clock"
          href=${`/events?at=${encodeURIComponent(event.time)}`}
          label="What happened around it"
        >Around it</${Button}>
    </div>
    ${typeof data["text"] === "string" && html`<div class="code wrap" tabindex="0"><${Payload}
        bytes=${new TextEncoder().encode(data["text"])}
        as="text"
      /></div>`}
    ${
      bytes &&
      html`<div class="row"><${Segment} label="Show as" value=${as} options=${[
        { value: "auto", text: "Auto" },
        { value: "text", text: "Text" },
        { value: "hex", text: "Hex" },
      ]} onChange=${setAs} />
        <span class="push"></span><${CopyButton}
            text=${hex(bytes)}
            label="Copy as hex"
          >Hex</${CopyButton}></div>
      <div class="code wrap" tabindex="0"><${Payload}
          bytes=${bytes}
          as=${as}
          truncated=${Boolean(data["truncated"])}
        /></div>
      ${data["truncated"] && html`<p class="dim">The first ${number(bytes.length)} of ${number(data["length"])} bytes were captured. Capture in the settings says how many.</p>`}`
    }
    <dl class="facts">
      <dt>Time</dt>
      <dd class="mono">${moment(event.time)}</dd>
      ${
        onTerm &&
        html`<dt>Kind</dt>
          <dd class="mono">
            ${event.kind}<${Narrow} field="kind" value=${shortKind(event.kind)} onTerm=${onTerm} />
          </dd>`
      }
      ${
        event.service &&
        html`<dt>Service</dt>
          <dd>
            <a class="link" href=${`/services/${event.service}`}>${event.service}</a
            ><${Narrow} field="service" value=${event.service} onTerm=${onTerm} />
          </dd>`
      }
      ${
        event.connection !== null &&
        html`<dt>Connection</dt>
          <dd>
            ${
              onConnection
                ? html`<button
                    type="button"
                    class="copy bare link"
                    onClick=${() => onConnection(/** @type {number} */ (event.connection))}
                  >
                    #${event.connection}
                  </button>`
                : html`<a class="mono link" href=${`/connections/${event.connection}`}
                    >#${event.connection}</a
                  >`
            }<${Narrow} field="connection" value=${event.connection} onTerm=${onTerm} />
          </dd>`
      }
      ${Object.entries(data)
        .filter(
          ([key, value]) =>
            !shown.has(key) &&
            value !== null &&
            value !== undefined &&
            !(typeof value === "object" && "traceback" in value),
        )
        .map(
          ([key, value]) =>
            html`<dt>${words(key)}</dt>
              <dd class="mono">
                <${Untrusted}
                  text=${typeof value === "object" ? JSON.stringify(value) : String(value)}
                />
                ${FIELDS.has(key) && html`<${Narrow} field=${key} value=${value} onTerm=${onTerm} />`}
              </dd>`,
        )}
    </dl>
    ${traceback && html`<${Trace} text=${traceback} open />`}
  </aside>`;
}
