// @ts-check
/**
 * UTF-8 read a character at a time (RFC 3629), and how wide each stands in a monospaced font.
 *
 * The browser's decoder tells neither where in the bytes a character began nor which byte was wrong;
 * rows, hits and offsets are told in bytes, so the bytes are walked here.
 */

/** What `codeAt` answers for a byte that begins no character. */
export const NO_CHARACTER = -1;

/**
 * The code point that begins at `at`, or `NO_CHARACTER`.
 * @param {Uint8Array} bytes
 * @param {number} at
 */
export function codeAt(bytes, at) {
  const lead = /** @type {number} */ (bytes[at]);
  if (lead < 0x80) return lead;
  if (lead < 0xc2 || lead > 0xf4) return NO_CHARACTER;
  const second = bytes[at + 1] ?? 0;
  if ((second & 0xc0) !== 0x80) return NO_CHARACTER;
  if (lead < 0xe0) return ((lead & 0x1f) << 6) | (second & 0x3f);
  const third = bytes[at + 2] ?? 0;
  if ((third & 0xc0) !== 0x80) return NO_CHARACTER;
  if (lead < 0xf0) {
    const code = ((lead & 0x0f) << 12) | ((second & 0x3f) << 6) | (third & 0x3f);
    return code < 0x800 || (code >= 0xd800 && code <= 0xdfff) ? NO_CHARACTER : code;
  }
  const fourth = bytes[at + 3] ?? 0;
  if ((fourth & 0xc0) !== 0x80) return NO_CHARACTER;
  const code =
    ((lead & 0x07) << 18) | ((second & 0x3f) << 12) | ((third & 0x3f) << 6) | (fourth & 0x3f);
  return code < 0x10000 || code > 0x10ffff ? NO_CHARACTER : code;
}

/** Bytes that a code point takes. @param {number} code */
export const bytesOfCode = (code) => (code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4);

/** Ranges that fill two columns: East Asian scripts and pictographs (Unicode TR 11, in short). */
const WIDE = [
  [0x1100, 0x115f],
  [0x2e80, 0xa4cf],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1faff],
  [0x20000, 0x3fffd],
];

/**
 * Columns that a code point fills as lib/payload.js shows it: what does not print stands in a small
 * box with its name.
 * @param {number} code
 */
export function columnsOf(code) {
  if (code < 0x20 || code === 0x7f) return 4;
  if (code < 0x7f) return 1;
  if (code < 0xa0 || code === 0xad || code === 0xfeff) return 6;
  if (code < 0x300) return 1;
  if (code <= 0x36f) return 0;
  if ((code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e)) return 6;
  if ((code >= 0x2060 && code <= 0x206f) || code === 0x61c || code === 0x180e) return 6;
  for (const [first, last] of WIDE) {
    if (code < /** @type {number} */ (first)) return 1;
    if (code <= /** @type {number} */ (last)) return 2;
  }
  return code >= 0xe0000 ? 7 : 1;
}
