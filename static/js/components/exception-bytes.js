// @ts-check
/** The last bytes that came in before an exception: on one line, or all of them as text or hex. */

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import { Payload, Preview } from "./bytes.js";
import { decodeBase64 } from "../lib/payload.js";
import { size } from "../lib/format.js";

/** @import { ExceptionGroup } from "../types.js" */

/** Why there are none. @type {Record<string, string>} */
const NONE = {
  nothing: "Nothing had come in before it.",
  not_captured: "Not captured: at its level of capture this service keeps no payloads.",
  gone: "They came in too long before it to be kept.",
  no_connection: "It was not raised on a connection.",
};

/** What they are, where they are not simply the end of what came in. @type {Record<string, string>} */
const SOME = {
  cut: "the beginning of the last message, as capture keeps no more of it",
  folded: "of the first of several messages that were recorded as one",
};

/** @param {{group: ExceptionGroup}} props */
export function ExceptionBytes({ group }) {
  const [as, setAs] = useState(/** @type {"text"|"hex"|null} */ (null));
  const { last_bytes: base64, last_bytes_note: note } = group;
  if (base64 === null) return html`<span class="faint">${NONE[note ?? ""] ?? "Not known."}</span>`;
  const bytes = decodeBase64(base64);
  const turn = (/** @type {"text"|"hex"} */ to) => setAs(as === to ? null : to);
  return html`<div class="exc-bytes">
    <div class="row">
      <span class="clip exc-preview"><${Preview} base64=${base64} /></span>
      <span class="faint exc-size">${size(bytes.length)}</span>
      <span class="segment" role="group" aria-label="Show the bytes as"
        >${["text", "hex"].map(
          (one) =>
            html`<button
              type="button"
              aria-pressed=${String(as === one)}
              onClick=${() => turn(/** @type {"text"|"hex"} */ (one))}
            >
              ${one === "text" ? "Text" : "Hex"}
            </button>`,
        )}</span
      >
    </div>
    ${as && html`<div class="exc-whole"><${Payload} bytes=${bytes} as=${as} /></div>`}
    ${note && SOME[note] && html`<p class="faint exc-what">${SOME[note]}</p>`}
  </div>`;
}
