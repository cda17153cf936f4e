// @ts-check
/** One row of a message, as text nodes only: what is found in it marked, the rest spelled out. */

import { html } from "htm/preact";
import { highlighted } from "../code.js";
import { hexColumns, rangeOf } from "../../lib/conversation/layout.js";
import { bytesAsText, visible } from "../../lib/payload.js";

/** @import { Laid } from "../../lib/conversation/layout.js" */
/** @import { Message } from "../../lib/conversation/messages.js" */
/** @import { Needle } from "../../lib/conversation/needle.js" */
/** @import { Piece } from "../../lib/payload.js" */

/**
 * What of a message was searched for and found.
 * @typedef {{needle: Needle, offsets: number[], current: number}} Found  current: an offset, or -1
 */

/**
 * @param {{message: Message, laid: Laid, row: number, found: Found|null}} props
 */
export function Row({ message, laid, row, found }) {
  if (laid.as === "json") return html`<${JsonRow} laid=${laid} row=${row} found=${found} />`;
  const bytes = /** @type {Uint8Array} */ (message.bytes);
  if (laid.as === "hex") return html`<${HexRow} ...${{ bytes, laid, row, found }} />`;
  const { start, end } = rangeOf(laid, bytes, row);
  const isLast = row === laid.rows - 1;
  const parts = split(start, end, found).map((part) => {
    const cut = isLast && message.truncated && part.end === end;
    const pieces = bytesAsText(bytes.subarray(part.start, part.end), { truncated: cut });
    return marked(part, html`<${Pieces} pieces=${pieces} tabs=${laid.as === "text"} />`);
  });
  const number = laid.numbers[row];
  return html`<div class="msg-row">
    ${laid.as === "lines" && html`<span class="num">${number || ""}</span>`}${parts}
  </div>`;
}

/** @param {{pieces: Piece[], tabs?: boolean}} props  tabs: as white space, not by name */
const Pieces = ({ pieces, tabs = false }) =>
  pieces.map((piece) => {
    if (!piece.control) return piece.text;
    if (tabs && piece.name === "TAB") return "\t";
    return html`<span class="ctl" title=${piece.text}>${piece.name}</span>`;
  });

/** @param {{laid: Laid, row: number, found: Found|null}} props */
function JsonRow({ laid, row, found }) {
  const text = /** @type {string[]} */ (laid.texts)[row] ?? "";
  const wanted = found && !found.needle.exact ? found.needle.text.toLowerCase() : "";
  return html`<div class="msg-row">
    ${highlighted(text, "json").map((piece) => html`<span class=${piece.kind}><${Marked} text=${piece.text} wanted=${wanted} /></span>`)}
  </div>`;
}

/** @param {{text: string, wanted: string}} props */
function Marked({ text, wanted }) {
  const shown = (/** @type {string} */ part) => html`<${Pieces} pieces=${visible(part)} />`;
  if (!wanted) return shown(text);
  const parts = [];
  const folded = text.toLowerCase();
  let at = 0;
  for (;;) {
    const next = folded.indexOf(wanted, at);
    if (next < 0 || folded.length !== text.length) break;
    parts.push(shown(text.slice(at, next)));
    parts.push(html`<mark>${shown(text.slice(next, next + wanted.length))}</mark>`);
    at = next + wanted.length;
  }
  parts.push(shown(text.slice(at)));
  return parts;
}

/** @param {{bytes: Uint8Array, laid: Laid, row: number, found: Found|null}} props */
function HexRow({ bytes, laid, row, found }) {
  const { start, end } = rangeOf(laid, bytes, row);
  const half = laid.each / 2;
  const left = [];
  const right = [];
  for (const part of split(start, end, found)) {
    let digits = "";
    let text = "";
    for (let at = part.start; at < part.end; at += 1) {
      const byte = /** @type {number} */ (bytes[at]);
      const pause = at === start ? "" : (at - start) % half === 0 && laid.each > 8 ? "  " : " ";
      // The space between two found bytes is found too, the one in front of them is not.
      if (at === part.start && part.is) left.push(pause);
      else digits += pause;
      digits += byte.toString(16).padStart(2, "0");
      text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·";
    }
    left.push(marked(part, digits));
    right.push(marked(part, text));
  }
  const offset = start.toString(16).padStart(4, "0");
  const filled = (end - start) * 3 - 1 + (laid.each > 8 && end - start > half ? 1 : 0);
  const shown = Math.min(laid.each, bytes.length);
  const gap = " ".repeat(Math.max(2, hexColumns(shown) - 6 - shown - filled));
  return html`<div class="msg-row">
    <span class="off">${offset.padEnd(6)}</span>${left}${gap}<span class="ascii">${right}</span>
  </div>`;
}

/**
 * A range cut where something was found.
 * @param {number} start
 * @param {number} end
 * @param {Found|null} found
 * @returns {{start: number, end: number, is: boolean, current: boolean}[]}
 */
function split(start, end, found) {
  const parts = [];
  let at = start;
  if (found) {
    const size = found.needle.bytes.length;
    for (const offset of found.offsets) {
      if (offset >= end) break;
      if (offset + size <= start) continue;
      const from = Math.max(start, offset);
      const to = Math.min(end, offset + size);
      if (from > at) parts.push({ start: at, end: from, is: false, current: false });
      if (to > from) parts.push({ start: from, end: to, is: true, current: offset === found.current });
      at = Math.max(at, to);
    }
  }
  if (at < end) parts.push({ start: at, end, is: false, current: false });
  return parts;
}

/** @param {{is: boolean, current: boolean}} part @param {any} inner */
const marked = (part, inner) =>
  part.is ? html`<mark class=${part.current ? "current" : ""}>${inner}</mark>` : inner;
