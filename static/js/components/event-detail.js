// @ts-check
/** Beside the tail: all of the picked event. */

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import { Payload } from "./bytes.js";
import { CopyButton } from "./copy.js";
import { Button, Icon, Segment, Trace } from "./kit.js";
import { describe } from "../lib/events.js";
import { moment, number, words } from "../lib/format.js";
import { decodeBase64, hex, visibleText } from "../lib/payload.js";

/** @import { DeckEvent } from "../types.js" */
/** @import { As } from "./bytes.js" */

/**
 * @param {{
 *   event: DeckEvent,
 *   onClose: () => void,
 *   onConnection?: ((id: number) => void)|undefined,
 * }} props
 */
export function EventDetail({ event, onClose, onConnection }) {
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
        event.service &&
        html`<dt>Service</dt>
          <dd><a class="link" href=${`/services/${event.service}`}>${event.service}</a></dd>`
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
                : html`<span class="mono">#${event.connection}</span>`
            }
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
                ${visibleText(typeof value === "object" ? JSON.stringify(value) : String(value))}
              </dd>`,
        )}
    </dl>
    ${traceback && html`<${Trace} text=${traceback} open />`}
  </aside>`;
}
