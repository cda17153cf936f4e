// @ts-check
/** Payloads, as text nodes only. */

import { html } from "htm/preact";
import { bytesAsText, decodeBase64, hex, hexRows, looksLikeText, visible } from "../lib/payload.js";

/** @import { Piece } from "../lib/payload.js" */

/** Bytes of a payload that one line may show. */
const LINE = 240;

/** @typedef {"auto"|"text"|"hex"} As  how bytes are shown; auto: as they read best */

/** @param {{pieces: Piece[]}} props */
const Pieces = ({ pieces }) =>
  pieces.map((piece) =>
    piece.control ? html`<span class="ctl" title=${piece.text}>${piece.name}</span>` : piece.text,
  );

/**
 * Untrusted text, as of a log line or a peer's name.
 * @param {{text: string, class?: string}} props
 */
export const Untrusted = ({ text, class: extra = "" }) =>
  html`<span class=${`bytes ${extra}`}><${Pieces} pieces=${visible(text)} /></span>`;

/**
 * One line of a payload; as hex where it does not read as text, or where told.
 * @param {{base64: string, truncated?: boolean, as?: As}} props
 */
export function Preview({ base64, truncated = false, as = "auto" }) {
  const all = decodeBase64(base64);
  const bytes = all.subarray(0, LINE);
  const how = { truncated: truncated || all.length > LINE };
  const text = as === "text" || (as === "auto" && looksLikeText(bytes, how));
  const more = how.truncated ? html`<span class="cut"> …</span>` : "";
  if (text)
    return html`<span class="bytes"
      ><${Pieces} pieces=${bytesAsText(bytes, how)} />${more}</span
    >`;
  return html`<span class="bytes dim">${hex(bytes, 80)}${bytes.length > 80 ? " …" : more}</span>`;
}

/**
 * A whole payload, as text with its lines or as a hex dump.
 * @param {{bytes: Uint8Array, as?: As, truncated?: boolean}} props
 */
export function Payload({ bytes, as = "auto", truncated = false }) {
  if (bytes.length === 0) return html`<span class="faint">nothing</span>`;
  if (as === "text" || (as === "auto" && looksLikeText(bytes, { truncated }))) {
    return html`<div class="bytes">
      <${Pieces}
        pieces=${bytesAsText(bytes, { lines: true, truncated })}
      />${truncated && html`<span class="cut"> …</span>`}
    </div>`;
  }
  return html`<div class="hexdump" tabindex="0">
    ${hexRows(bytes).map((row) => html`<div><span class="off">${row.offset}</span>${`  ${row.hex}  `}<span class="dim">${row.text}</span></div>`)}
  </div>`;
}
