// @ts-check
/** What somebody types to be sent, as text, hex or base64; every function is pure. */

import { decodeBase64, encodeBase64, hex, parseHex } from "./payload.js";

/** @typedef {"text"|"hex"|"base64"} Encoding */
/** @typedef {"none"|"lf"|"crlf"} Ending  of each line of a text, also of its last */

/** @type {Record<Ending, string>} */
const ENDINGS = { none: "", lf: "\n", crlf: "\r\n" };

/**
 * What is typed, as bytes.
 * @param {string} text
 * @param {Encoding} encoding
 * @param {Ending} ending
 * @returns {Uint8Array}
 * @throws {Error} one sentence, where it is not of that encoding
 */
export function bytesOf(text, encoding, ending) {
  if (encoding === "hex") return parseHex(text);
  if (encoding === "base64") {
    try {
      return decodeBase64(text.replaceAll(/\s/g, ""));
    } catch {
      throw new Error("this is no base64");
    }
  }
  const end = ENDINGS[ending];
  const lines = end ? text.replaceAll(/\r?\n/g, end) : text;
  return new TextEncoder().encode(lines + end);
}

/**
 * What one would type to send these bytes: the other way round than `bytesOf`.
 * @param {Uint8Array} bytes
 * @param {Encoding} encoding
 * @returns {{text: string, ending?: Ending}|null} null: no text that one can type has these bytes
 */
export function typedAs(bytes, encoding) {
  if (encoding === "hex") return { text: hex(bytes) };
  if (encoding === "base64") return { text: encodeBase64(bytes) };
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
  /** @type {Ending} */
  const ending = text.endsWith("\r\n") ? "crlf" : text.endsWith("\n") ? "lf" : "none";
  const end = ENDINGS[ending];
  const lines = end ? text.slice(0, -end.length).replaceAll(end, "\n") : text;
  // A form's own lines end in a line feed alone: a carriage return would not stay.
  if (lines.includes("\r")) return null;
  const same = encodeBase64(bytesOf(lines, "text", ending)) === encodeBase64(bytes);
  return same ? { text: lines, ending } : null;
}
