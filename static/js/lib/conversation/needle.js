// @ts-check
/** What is searched for in payloads: bytes, typed as text or as hex; every function is pure. */

import { parseHex } from "../payload.js";

/**
 * @typedef {object} Needle
 * @property {Uint8Array} bytes  of a text, its ASCII letters in lower case
 * @property {boolean} exact  whether case counts: of hex it does
 * @property {string} text  as it was typed
 */

/** @typedef {"text"|"hex"} NeedleKind */

/**
 * @param {string} typed
 * @param {NeedleKind} kind
 * @returns {Needle|null} null: nothing is searched for
 * @throws {Error} one sentence, where it is no hex
 */
export function parseNeedle(typed, kind) {
  const bytes = kind === "hex" ? parseHex(typed) : new TextEncoder().encode(typed);
  if (bytes.length === 0) return null;
  if (kind === "text") for (let at = 0; at < bytes.length; at += 1) bytes[at] = lower(bytes[at]);
  return { bytes, exact: kind === "hex", text: typed };
}

/** @param {number|undefined} byte */
const lower = (byte = 0) => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte);

/**
 * Where a needle begins in a payload; hits do not overlap.
 * @param {Uint8Array} bytes
 * @param {Needle} needle
 * @param {number} [most] hits
 * @returns {number[]}
 */
export function findAll(bytes, needle, most = Number.POSITIVE_INFINITY) {
  const wanted = needle.bytes;
  const first = /** @type {number} */ (wanted[0]);
  const end = bytes.length - wanted.length;
  const found = [];
  for (let at = 0; at <= end && found.length < most; at += 1) {
    const byte = bytes[at];
    if ((needle.exact ? byte : lower(byte)) !== first) continue;
    let same = 1;
    while (
      same < wanted.length &&
      (needle.exact ? bytes[at + same] : lower(bytes[at + same])) === wanted[same]
    )
      same += 1;
    if (same < wanted.length) continue;
    found.push(at);
    at += wanted.length - 1;
  }
  return found;
}
