// @ts-check
/**
 * JSON laid out for reading, every token as it was sent: a number of thirty digits keeps them, a key
 * that is there twice is there twice. Parsing and writing anew would change what came over the wire.
 */

const DEPTH = 64;
const INLINE = 72;
/** What is laid out may be larger than what was sent, within reason. */
const GROWTH = 8;

const TOKENS = /"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s[\]{},:"]+/g;

/**
 * The lines of one JSON document, or of several with a line each; `null` where it is none.
 * A lone number or word is text, though a parser would take it.
 * @param {string} text
 * @returns {string[]|null}
 */
export function jsonLines(text) {
  if (!/^\s*[[{]/.test(text)) return null;
  const whole = laidOut(text);
  if (whole) return whole;
  const documents = text.split("\n").filter((line) => line.trim());
  if (documents.length < 2) return null;
  const found = [];
  for (const document of documents) {
    const lines = /^\s*[[{]/.test(document) ? laidOut(document) : null;
    if (!lines) return null;
    found.push(...lines);
  }
  return found;
}

/** @param {string} text @returns {string[]|null} */
function laidOut(text) {
  try {
    JSON.parse(text);
  } catch {
    return null;
  }
  const tokens = text.match(TOKENS) ?? [];
  /** @type {string[]} */
  const lines = [];
  let line = "";
  let depth = 0;
  let size = 0;
  const most = text.length * GROWTH + 4096;
  const turn = () => {
    lines.push(line);
    size += line.length;
    line = "  ".repeat(depth);
  };
  for (let at = 0; at < tokens.length; at += 1) {
    const token = /** @type {string} */ (tokens[at]);
    if (token === "{" || token === "[") {
      const short = inline(tokens, at);
      if (short) {
        line += short.text;
        at = short.end;
        continue;
      }
      line += token;
      depth += 1;
      if (depth > DEPTH || size > most) return null;
      turn();
    } else if (token === "}" || token === "]") {
      depth -= 1;
      turn();
      line += token;
    } else if (token === ",") {
      line += token;
      turn();
    } else line += token === ":" ? ": " : token;
  }
  lines.push(line);
  return lines;
}

/**
 * An object or array without another one in it, where that fits on a line.
 * @param {string[]} tokens
 * @param {number} start
 */
function inline(tokens, start) {
  let text = /** @type {string} */ (tokens[start]);
  for (let at = start + 1; at < tokens.length && text.length <= INLINE; at += 1) {
    const token = /** @type {string} */ (tokens[at]);
    if (token === "{" || token === "[") return null;
    text += token === "," ? ", " : token === ":" ? ": " : token;
    if (token === "}" || token === "]") return text.length <= INLINE ? { text, end: at } : null;
  }
  return null;
}
