// @ts-check
/**
 * Where each entry of a conversation stands: its parts and their heights, known before it is drawn.
 *
 * Heights come from the number of rows alone, so that a window into a hundred thousand rows is a
 * search in a list of numbers, and what is read in front moves nothing that is in sight.
 */

import { layOut } from "./layout.js";

/** @import { Laid, View } from "./layout.js" */
/** @import { Entry, Message } from "./messages.js" */

/** Heights in pixels; css/connection.css has the same. */
export const ROW = 20;
export const HEAD = 28;
export const PAUSE = 26;
export const MARK = 28;
/** Above and below the rows of a message. */
export const PADDING = 6;
const BETWEEN = 3;

/** A pause that is worth a line of its own. */
const PAUSE_MS = 1_000;

/**
 * @typedef {object} Block
 * @property {Entry} entry
 * @property {Laid|null} laid
 * @property {number} pause  milliseconds since the entry before, where that is long; else 0
 * @property {number|null} since  milliseconds since the message before
 * @property {boolean} heads  whether it begins a turn, and says whose
 * @property {boolean} joins  whether it goes on with the one before
 * @property {string} note  what its bytes do not tell
 * @property {number} top
 * @property {number} height
 */

export class Blocks {
  constructor() {
    /** @type {WeakMap<Message, Laid>} */
    this.layouts = new WeakMap();
    this.of = "";
    /** @type {Block[]} */
    this.list = [];
    this.height = 0;
  }

  /**
   * Put them in their places.
   * @param {Entry[]} entries
   * @param {View} view
   * @param {number} columns
   * @param {(message: Message) => string} noteOf
   */
  place(entries, view, columns, noteOf) {
    const of = `${view} ${columns}`;
    if (of !== this.of) {
      this.layouts = new WeakMap();
      this.of = of;
    }
    let top = 0;
    /** @type {Entry|null} */
    let before = null;
    /** @type {Message|null} */
    let spoken = null;
    this.list = entries.map((entry) => {
      const waited = before ? entry.at - before.at : 0;
      const pause = waited >= PAUSE_MS ? waited : 0;
      const block =
        entry.is === "mark"
          ? { entry, laid: null, since: null, heads: false, joins: false, note: "" }
          : this.#message(entry, before, pause, spoken, view, columns, noteOf);
      const height = (pause ? PAUSE : 0) + (entry.is === "mark" ? MARK : heightOf(block));
      const placed = { ...block, pause, top, height };
      top += height;
      before = entry;
      if (entry.is === "message") spoken = entry;
      return placed;
    });
    this.height = top;
  }

  /**
   * @param {Message} message
   * @param {Entry|null} before
   * @param {number} pause
   * @param {Message|null} spoken
   * @param {View} view
   * @param {number} columns
   * @param {(message: Message) => string} noteOf
   */
  #message(message, before, pause, spoken, view, columns, noteOf) {
    let laid = this.layouts.get(message);
    if (!laid) {
      laid = layOut(message, view, columns);
      this.layouts.set(message, laid);
    }
    const joins =
      !pause &&
      before?.is === "message" &&
      before.direction === message.direction &&
      before.injected === message.injected;
    const since = spoken ? message.at - spoken.at : null;
    return { entry: message, laid, since, heads: !joins, joins, note: noteOf(message) };
  }

  /** The first block that reaches below a height. @param {number} y */
  at(y) {
    let low = 0;
    let high = this.list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const block = /** @type {Block} */ (this.list[middle]);
      if (block.top + block.height <= y) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** @param {number} seq @returns {Block|undefined} the block of a seq, or the next one */
  ofSeq(seq) {
    return this.list.find((block) => block.entry.seq >= seq);
  }
}

/** Where in a block its rows begin. @param {Pick<Block, "pause"|"heads">} block */
export const bodyTop = (block) => (block.pause ? PAUSE : 0) + (block.heads ? HEAD : BETWEEN);

/** @param {{heads: boolean, laid: Laid|null, note: string}} block */
function heightOf({ heads, laid, note }) {
  const rows = (laid?.rows ?? 0) + (note ? 1 : 0);
  return (heads ? HEAD : BETWEEN) + rows * ROW + 2 * PADDING;
}
