// @ts-check
/** A message of a conversation, and what stands between two: a pause, an error, a printed line. */

import { html } from "htm/preact";
import { useMemo } from "preact/hooks";
import { Untrusted } from "../bytes.js";
import { copyText } from "../copy.js";
import { Button, Icon } from "../kit.js";
import { toast } from "../toast.js";
import { Row } from "./row.js";
import { PADDING, ROW, bodyTop } from "../../lib/conversation/blocks.js";
import { describe } from "../../lib/events.js";
import { clock, number, plural, size, span } from "../../lib/format.js";
import { hex } from "../../lib/payload.js";

/** @import { Conversation } from "../../lib/conversation/conversation.js" */
/** @import { Block } from "../../lib/conversation/blocks.js" */
/** @import { Laid } from "../../lib/conversation/layout.js" */
/** @import { Mark, Message } from "../../lib/conversation/messages.js" */
/** @import { Line } from "../../lib/events.js" */
/** @import { Found } from "./row.js" */

/**
 * What the bytes of a message do not tell: that they are not all, or stand for more.
 * @param {Message} message
 */
export function noteOf(message) {
  const parts = [];
  if (message.count > 1)
    parts.push(`${number(message.count)} messages folded into one, the first is shown`);
  if (message.bytes === null) parts.push(`${number(message.length)} B, not captured`);
  else if (message.truncated)
    parts.push(`captured ${number(message.bytes.length)} of ${number(message.length)} B`);
  else if (message.length === 0) parts.push("empty");
  return parts.join("; ");
}

/** @param {{pause: number}} props */
const Pause = ({ pause }) =>
  html`<div class="talk-pause"><span>${span(pause / 1000)} later</span></div>`;

/**
 * Which rows of a message are between two heights.
 * @param {Block} block
 * @param {number} from
 * @param {number} to
 */
export function rowsIn(block, from, to) {
  const rows = block.laid?.rows ?? 0;
  const start = block.top + bodyTop(block) + PADDING;
  const first = Math.max(0, Math.min(rows, Math.floor((from - start) / ROW)));
  return { first, end: Math.max(first, Math.min(rows, Math.ceil((to - start) / ROW))) };
}

/**
 * @param {{block: Block, message: Message, found: Found|null, first: number, end: number, conversation: Conversation}} props
 */
export function Bubble({ block, message, found, first, end, conversation }) {
  const { needle, offsets, current } = found ?? {};
  return useMemo(
    () => drawn(block, message, found, first, end, conversation),
    [block, message, needle, offsets, current, first, end],
  );
}

/**
 * @param {Block} block
 * @param {Message} message
 * @param {Found|null} found
 * @param {number} first
 * @param {number} end
 * @param {Conversation} conversation
 */
function drawn(block, message, found, first, end, conversation) {
  const laid = /** @type {Laid} */ (block.laid);
  const word = message.direction;
  const rows = [];
  for (let row = first; row < end; row += 1)
    rows.push(html`<${Row} key=${row} message=${message} laid=${laid} row=${row} found=${found} />`);
  const folded = message.live && message.count > 1;
  return html`<article
    class=${`msg ${word} ${block.heads ? "heads" : ""} ${message.injected ? "injected" : ""}`}
    style=${{ height: `${block.height}px` }}
    aria-label=${`${word}, ${plural(message.length, "byte")}, ${clock(message.time)}`}
  >
    ${block.pause > 0 && html`<${Pause} pause=${block.pause} />`}
    ${
      block.heads &&
      html`<div class="msg-head">
        <span class=${`dir ${word}`}><${Icon} name=${word} class="small" />${word}</span>
        ${message.injected && html`<span class="tag accent">sent from here</span>`}
        <time class="mono faint" datetime=${message.time}>${clock(message.time)}</time>
        <span class="narrow-only faint">${size(message.length)}</span>
      </div>`
    }
    <div class="msg-line">
      <div class=${`msg-body bytes ${laid.as}`} style=${{ "--columns": Math.max(4, laid.width) }}>
        <div style=${{ height: `${first * ROW}px` }}></div>
        ${rows}
        <div style=${{ height: `${(laid.rows - end) * ROW}px` }}></div>
        ${
          block.note &&
          html`<div class="msg-note">
            <span class="clip">${block.note}</span>${
              folded &&
              html`<button
                type="button"
                class="link"
                onClick=${() => conversation.readAgain(message.seq)}
              >
                show each
              </button>`
            }
          </div>`
        }
      </div>
      <div class="msg-side faint">
        <span title=${`seq ${message.seq}`}>${sideOf(block, message)}</span>
        ${message.bytes && message.bytes.length > 0 && html`<${Copies} message=${message} />`}
      </div>
    </div>
  </article>`;
}

/** @param {Block} block @param {Message} message */
function sideOf(block, message) {
  const since = block.since;
  const later = !since || since < 0 || block.pause ? "" : `+${span(since / 1000)}`;
  return html`${size(message.length)}${later && html`<span class="since"> ${later}</span>`}`;
}

/** What is copied is made when it is: a message may be a megabyte. @param {{message: Message}} props */
function Copies({ message }) {
  const bytes = /** @type {Uint8Array} */ (message.bytes);
  const copy = async (/** @type {string} */ text, /** @type {string} */ what) => {
    if (await copyText(text)) toast({ text: `Copied ${plural(bytes.length, "byte")} as ${what}` });
    else toast({ tone: "bad", text: "The browser refused to copy." });
  };
  return html`<span class="msg-acts"
    ><button
      type="button"
      title="Copy as text"
      aria-label="Copy as text"
      onClick=${() => copy(new TextDecoder().decode(bytes), "text")}
    >
      <${Icon} name="copy" class="small" /></button
    ><button
      type="button"
      title="Copy as hex"
      aria-label="Copy as hex"
      onClick=${() => copy(hex(bytes), "hex")}
    >
      hex
    </button></span
  >`;
}

/**
 * That somebody closed it by way of the panel.
 * @param {Record<string, any>} data
 * @returns {Line}
 */
const ending = ({ how, reason }) => ({
  glyph: "x",
  tone: "warn",
  word: how === "reset" ? "reset from the panel" : "closed from the panel",
  parts: reason ? [{ text: String(reason), untrusted: true }] : [],
});

/** @param {{block: Block, mark: Mark, conversation: Conversation}} props */
export function MarkLine({ block, mark, conversation }) {
  const line = mark.event.kind === "audit" ? ending(mark.event.data) : describe(mark.event);
  const lost = mark.event.kind === "events.dropped";
  const again = lost && mark.event.data["source"] === "live";
  return html`<div class="talk-mark-box" style=${{ height: `${block.height}px` }}>
    ${block.pause > 0 && html`<${Pause} pause=${block.pause} />`}
    <div class=${`talk-mark ${line.tone} ${lost ? "hole" : ""}`}>
      <${Icon} name=${line.glyph} class="small" /><span class="strong">${line.word}</span>
      ${line.parts.map((part) =>
        part.untrusted
          ? html`<${Untrusted} text=${part.text} class="clip" />`
          : html`<span class=${part.dim ? "dim clip" : "clip"}>${part.text}</span>`,
      )}
      ${again && html`<${Button}
          small
          onClick=${() => conversation.readAgain(Number(mark.event.data["from_seq"] ?? mark.seq))}
        >Show them</${Button}>`}
      <time class="mono faint push">${clock(mark.time)}</time>
    </div>
  </div>`;
}
