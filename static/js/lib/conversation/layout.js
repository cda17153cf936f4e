// @ts-check
/**
 * A message cut into rows of one height, for whoever draws a window of a long conversation.
 *
 * A row is a range of the message's bytes and no more: what stands in it is decoded when it is drawn.
 * So a message of a megabyte on one line costs one walk over its bytes, and a row on the screen.
 */

import { looksLikeText } from "../payload.js";
import { jsonLines } from "./json.js";
import { NO_CHARACTER, bytesOfCode, codeAt, columnsOf } from "./utf8.js";

/** @import { Message } from "./messages.js" */

/** @typedef {"auto"|"text"|"hex"|"json"|"lines"} View  how a reader wants to see messages */

/**
 * @typedef {object} Laid
 * @property {"text"|"hex"|"json"|"lines"} as
 * @property {number} rows
 * @property {number} width  columns of the widest row
 * @property {ArrayLike<number>} starts  where in the bytes each row begins, and the end of the last
 * @property {ArrayLike<number>} numbers  of lines: a row's own, 0 for one that goes on
 * @property {string[]|null} texts  of JSON: the rows, which are not ranges of the bytes
 * @property {number} each  of hex: bytes in a row
 */

const TAB = 4;
/** Columns that a shown line feed fills. */
const LINE_END = 3;
const HEX_ROW = 16;
const HEX_ROW_NARROW = 8;
/** Characters that fill no column (marks over marks) may not make a row endless. */
const BYTES_A_COLUMN = 8;
/** Of a row, what a word may take that is moved to the next one. */
const WORD_SHARE = 0.4;
/** A text that is longer is not tried as JSON. */
const JSON_BYTES = 1 << 20;

const NONE = /** @type {number[]} */ ([]);

/** Columns that a hex row of so many bytes fills. @param {number} each */
export const hexColumns = (each) => 6 + each * 3 + Math.floor((each - 1) / 8) + 2 + each;

/**
 * @param {Message} message
 * @param {View} view
 * @param {number} columns  that fit side by side
 * @returns {Laid}
 */
export function layOut(message, view, columns) {
  const { bytes } = message;
  if (!bytes || bytes.length === 0)
    return { as: "text", rows: 0, width: 0, starts: NONE, numbers: NONE, texts: null, each: 0 };
  if (view === "json" || view === "auto") {
    const json = message.truncated ? null : asJson(bytes, columns);
    if (json) return json;
  }
  if (view === "hex" || (view === "auto" && !looksLikeText(bytes, message)))
    return asHex(bytes, columns);
  return asText(bytes, columns, view === "lines");
}

/** @param {Uint8Array} bytes @param {number} columns @returns {Laid} */
function asHex(bytes, columns) {
  const each = hexColumns(HEX_ROW) <= columns ? HEX_ROW : HEX_ROW_NARROW;
  const rows = Math.ceil(bytes.length / each);
  const starts = new Uint32Array(rows + 1);
  for (let row = 0; row < rows; row += 1) starts[row] = row * each;
  starts[rows] = bytes.length;
  // One short row need not be as wide as many long ones.
  const shown = Math.min(each, bytes.length);
  return { as: "hex", rows, width: hexColumns(shown), starts, numbers: NONE, texts: null, each };
}

/** @param {Uint8Array} bytes @param {number} columns @returns {Laid|null} */
function asJson(bytes, columns) {
  if (bytes.length > JSON_BYTES) return null;
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
  const lines = jsonLines(text);
  if (!lines) return null;
  const texts = lines.flatMap((line) => wrapped(line, columns));
  const width = texts.reduce((most, line) => Math.max(most, columnsOfText(line)), 0);
  return { as: "json", rows: texts.length, width, starts: NONE, numbers: NONE, texts, each: 0 };
}

/** @param {string} line @param {number} columns */
function wrapped(line, columns) {
  if (line.length * 6 <= columns) return [line];
  const found = [];
  let row = "";
  let width = 0;
  for (const char of line) {
    const wide = columnsOf(/** @type {number} */ (char.codePointAt(0)));
    if (row && (width + wide > columns || row.length > columns * BYTES_A_COLUMN)) {
      found.push(row);
      row = "";
      width = 0;
    }
    row += char;
    width += wide;
  }
  found.push(row);
  return found;
}

/** @param {string} text */
function columnsOfText(text) {
  let width = 0;
  for (const char of text) width += columnsOf(/** @type {number} */ (char.codePointAt(0)));
  return width;
}

/**
 * @param {Uint8Array} bytes
 * @param {number} columns
 * @param {boolean} numbered  also line ends and tabs are shown, and fill columns
 * @returns {Laid}
 */
function asText(bytes, columns, numbered) {
  const starts = [0];
  const numbers = numbered ? [1] : NONE;
  const length = bytes.length;
  let width = 0;
  let widest = 0;
  let line = 1;
  let start = 0;
  /** Where the row's last word begins, and how wide the row is up to there. */
  let word = 0;
  let wordWidth = 0;
  for (let at = 0; at < length; ) {
    const code = codeAt(bytes, at);
    const step = code === NO_CHARACTER ? 1 : bytesOfCode(code);
    if (code === 10) {
      at += 1;
      if (numbered) widest = Math.max(widest, width + LINE_END);
      if (at >= length) break;
      starts.push(at);
      line += 1;
      if (numbered) numbers.push(line);
      width = 0;
      start = word = at;
      continue;
    }
    let wide = code === NO_CHARACTER ? 3 : columnsOf(code);
    if (!numbered && code === 9) wide = TAB - (width % TAB);
    if (!numbered && code === 13 && (bytes[at + 1] === 10 || at + 1 === length)) wide = 0;
    if (width + wide > columns || at - start > columns * BYTES_A_COLUMN) {
      // Between two words where the last one is short, else where the row is full.
      const whole = word > start && width - wordWidth < columns * WORD_SHARE;
      start = whole ? word : at;
      width = whole ? width - wordWidth : 0;
      word = start;
      wordWidth = 0;
      starts.push(start);
      if (numbered) numbers.push(0);
    }
    width += wide;
    if (width > widest) widest = width;
    at += step;
    if (code === 0x20 || code === 9) {
      word = at;
      wordWidth = width;
    }
  }
  const rows = starts.length;
  starts.push(length);
  return {
    as: numbered ? "lines" : "text",
    rows,
    width: widest,
    starts,
    numbers,
    texts: null,
    each: 0,
  };
}

/**
 * The row in which a byte stands.
 * @param {Laid} laid
 * @param {number} offset
 */
export function rowOf(laid, offset) {
  let low = 0;
  let high = laid.rows - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (/** @type {number} */ (laid.starts[middle]) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

/**
 * The bytes of a row of text as they are shown: without its line's end.
 * @param {Laid} laid
 * @param {Uint8Array} bytes
 * @param {number} row
 * @returns {{start: number, end: number}}
 */
export function rangeOf(laid, bytes, row) {
  const start = /** @type {number} */ (laid.starts[row]);
  let end = /** @type {number} */ (laid.starts[row + 1]);
  if (laid.as !== "text") return { start, end };
  if (end > start && bytes[end - 1] === 10) end -= 1;
  if (end > start && bytes[end - 1] === 13 && (bytes[end] === 10 || end === bytes.length)) end -= 1;
  return { start, end };
}
