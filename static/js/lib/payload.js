// @ts-check
/**
 * Bytes off the wire, made safe and plain to read.
 *
 * Everything that comes from a peer is untrusted: it is never markup and never acts. What does not
 * print is shown as what it is: C0 controls as their control pictures (ESC is ␛) or names, other
 * invisible or direction-changing characters as ⟨U+202E⟩, bytes that are no UTF-8 as ⟨FF⟩. The results
 * are pieces that a component puts into text nodes, never a string that is parsed.
 */

/**
 * `text` stands for itself in a string; `name` is what a component writes into a small box instead,
 * as many fonts draw control pictures as empty ones.
 * @typedef {{text: string, control: boolean, name?: string}} Piece
 */

/** ASCII's own names (RFC 20). */
const C0 =
  "NUL SOH STX ETX EOT ENQ ACK BEL BS TAB LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US".split(
    " ",
  );

const REPLACEMENT = "�";

/** @param {string} base64 @returns {Uint8Array} */
export function decodeBase64(base64) {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

/** @param {Uint8Array} bytes */
export function encodeBase64(bytes) {
  let binary = "";
  for (let at = 0; at < bytes.length; at += 0x8000) {
    binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  }
  return btoa(binary);
}

/** "02 00 1a ff". @param {Uint8Array} bytes @param {number} [limit] bytes shown */
export function hex(bytes, limit = bytes.length) {
  let out = "";
  const end = Math.min(limit, bytes.length);
  for (let at = 0; at < end; at += 1) {
    out += (at ? " " : "") + /** @type {number} */ (bytes[at]).toString(16).padStart(2, "0");
  }
  return out;
}

/**
 * Bytes from "02 00 1a ff", "02001aff", "0x02, 0x00" or lines of it.
 * @param {string} text
 * @returns {Uint8Array}
 * @throws {Error} one sentence, where it is no hexadecimal
 */
export function parseHex(text) {
  const digits = text.replaceAll(/0x/gi, "").replaceAll(/[\s,:]+/g, "");
  const wrong = /[^0-9a-f]/i.exec(digits);
  if (wrong) throw new Error(`“${wrong[0]}” is no hexadecimal digit`);
  if (digits.length % 2) throw new Error("a byte is two digits: one digit is left over");
  const bytes = new Uint8Array(digits.length / 2);
  for (let at = 0; at < bytes.length; at += 1) {
    bytes[at] = Number.parseInt(digits.slice(at * 2, at * 2 + 2), 16);
  }
  return bytes;
}

/** Characters that print nothing or move what stands around them. @param {number} code */
function isHidden(code) {
  return (
    (code >= 0x7f && code <= 0x9f) ||
    code === 0xad ||
    code === 0x61c ||
    code === 0x180e ||
    (code >= 0x200b && code <= 0x200f) ||
    (code >= 0x2028 && code <= 0x202e) ||
    (code >= 0x2060 && code <= 0x206f) ||
    code === 0xfeff ||
    (code >= 0xfff0 && code <= 0xfffb) ||
    (code >= 0xe0000 && code <= 0xe0fff) ||
    (code >= 0xd800 && code <= 0xdfff)
  );
}

/**
 * Text as pieces, plain and control in turn. With `lines`, a line feed also breaks the line after
 * its picture, so that a conversation keeps its shape.
 * @param {string} text
 * @param {{lines?: boolean}} [how]
 * @returns {Piece[]}
 */
export function visible(text, how = {}) {
  /** @type {Piece[]} */
  const pieces = [];
  const plain = (/** @type {string} */ shown) => {
    const last = pieces[pieces.length - 1];
    if (last && !last.control) last.text += shown;
    else pieces.push({ text: shown, control: false });
  };
  const control = (/** @type {string} */ shown, /** @type {string} */ name) =>
    pieces.push({ text: shown, control: true, name });
  for (const char of text) {
    const code = /** @type {number} */ (char.codePointAt(0));
    if (code < 0x20) {
      control(String.fromCodePoint(0x2400 + code), /** @type {string} */ (C0[code]));
      if (code === 10 && how.lines) plain("\n");
    } else if (code === 0x7f) {
      control("␡", "DEL");
    } else if (isHidden(code)) {
      const point = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
      control(`⟨${point}⟩`, point);
    } else {
      plain(char);
    }
  }
  return pieces;
}

/** The same as one string, where a component is not at hand. @param {string} text */
export const visibleText = (text) =>
  visible(text)
    .map((piece) => piece.text)
    .join("");

/** Length of the UTF-8 character that a byte begins, 0 where it begins none. @param {number} lead */
function lengthByLead(lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/**
 * Length of the UTF-8 character at `at`, 0 where there is none.
 * @param {Uint8Array} bytes
 * @param {number} at
 */
function characterLength(bytes, at) {
  const length = lengthByLead(bytes[at] ?? 0);
  if (length < 2) return length;
  if (at + length > bytes.length) return 0;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(at, at + length));
    return length;
  } catch {
    return 0;
  }
}

/** What may follow a lead byte where that is not 80 to BF (RFC 3629, 4). */
/** @type {Record<number, [number, number]>} */
const SECOND = { 0xe0: [0xa0, 0xbf], 0xed: [0x80, 0x9f], 0xf0: [0x90, 0xbf], 0xf4: [0x80, 0x8f] };

/**
 * Whether the bytes from `at` to the end are the beginning of a UTF-8 character, cut off.
 * @param {Uint8Array} bytes
 * @param {number} at
 */
function isCutCharacter(bytes, at) {
  const [lead = 0, ...rest] = bytes.subarray(at, at + 4);
  if (bytes.length - at >= lengthByLead(lead)) return false;
  return rest.every((byte, index) => {
    const [low, high] = (index === 0 && SECOND[lead]) || [0x80, 0xbf];
    return byte >= low && byte <= high;
  });
}

/**
 * Bytes as pieces of text; what is no UTF-8 stands as its byte, ⟨FF⟩.
 * @param {Uint8Array} bytes
 * @param {{lines?: boolean, truncated?: boolean}} [how]
 * @returns {Piece[]}
 */
export function bytesAsText(bytes, how = {}) {
  const quick = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  if (!quick.includes(REPLACEMENT)) return visible(quick, how);
  /** @type {Piece[]} */
  const pieces = [];
  let good = 0;
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  /** @param {number} end */
  const flush = (end) => {
    if (end > good) pieces.push(...visible(decoder.decode(bytes.subarray(good, end)), how));
  };
  let at = 0;
  while (at < bytes.length) {
    const length = characterLength(bytes, at);
    if (length) {
      at += length;
      continue;
    }
    flush(at);
    // A prefix may end inside a character: that is a cut, not a fault of the peer.
    if (how.truncated && isCutCharacter(bytes, at)) {
      good = bytes.length;
      break;
    }
    const byte = hex(bytes.subarray(at, at + 1)).toUpperCase();
    pieces.push({ text: `⟨${byte}⟩`, control: true, name: byte });
    at += 1;
    good = at;
  }
  flush(bytes.length);
  return pieces;
}

/**
 * Whether bytes read better as text than as hex: at most a quarter of them prints nothing.
 * @param {Uint8Array} bytes
 * @param {{truncated?: boolean}} [how]
 */
export function looksLikeText(bytes, how = {}) {
  if (bytes.length === 0) return true;
  let odd = 0;
  let at = 0;
  const end = Math.min(bytes.length, 256);
  while (at < end) {
    const byte = bytes[at] ?? 0;
    const length = characterLength(bytes, at);
    if (!length && how.truncated && isCutCharacter(bytes, at)) break;
    if (!length) odd += 1;
    else if (byte < 0x20 && byte !== 9 && byte !== 10 && byte !== 13 && byte !== 27) odd += 1;
    at += length || 1;
  }
  return odd * 4 <= end;
}

/**
 * Rows of a hex dump: offset, sixteen bytes, and what of them prints.
 * @param {Uint8Array} bytes
 * @returns {{offset: string, hex: string, text: string}[]}
 */
export function hexRows(bytes) {
  const rows = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16);
    const left = hex(row.subarray(0, 8));
    const right = hex(row.subarray(8));
    rows.push({
      offset: at.toString(16).padStart(4, "0"),
      hex: `${left}${right ? `  ${right}` : ""}`.padEnd(48),
      text: Array.from(row, (byte) =>
        byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·",
      ).join(""),
    });
  }
  return rows;
}
