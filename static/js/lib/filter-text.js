// @ts-check
/**
 * The text of a filter, taken apart for editing: where its terms are, and the same text with one of
 * them removed, negated or added. What a filter means is the server's to say; here nothing is
 * refused, and a text that is no filter comes apart as far as it goes. Every function is pure.
 */

/**
 * A piece of a filter's text, from `start` up to `end` (as JavaScript counts, in UTF-16 units).
 * @typedef {object} Piece
 * @property {"term"|"and"|"or"|"not"|"("|")"} is
 * @property {number} start
 * @property {number} end
 * @property {string} text
 * @property {string} field  of a term, what stands before its colon; "" where it has none
 * @property {string} value  of a term, what stands behind the colon, as it is written
 */

const WORDS = new Set(["and", "or", "not"]);
const FIELD = /^([a-z][a-z_]*):/i;

/** Where a quoted string that begins at `at` ends. @param {string} text @param {number} at */
function pastString(text, at) {
  let end = at + 1;
  while (end < text.length && text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
  return Math.min(text.length, end + 1);
}

/** @param {string} text @param {number} at */
function pastWord(text, at) {
  let end = at;
  while (end < text.length && !/[\s()]/.test(/** @type {string} */ (text[end]))) {
    end = text[end] === '"' ? pastString(text, end) : end + 1;
  }
  return end;
}

/** @param {string} text @returns {Piece[]} */
export function pieces(text) {
  /** @type {Piece[]} */
  const found = [];
  const push = (/** @type {Piece["is"]} */ is, /** @type {number} */ start, /** @type {number} */ end) => {
    const written = text.slice(start, end);
    const field = is === "term" ? (FIELD.exec(written)?.[1] ?? "") : "";
    const value = field ? written.slice(field.length + 1) : written;
    found.push({ is, start, end, text: written, field, value });
    return end;
  };
  let at = 0;
  while (at < text.length) {
    const char = /** @type {string} */ (text[at]);
    if (/\s/.test(char)) at += 1;
    else if (char === "(" || char === ")") at = push(char, at, at + 1);
    else if (char === "-" && /[^\s)-]/.test(text[at + 1] ?? " ")) at = push("not", at, at + 1);
    else {
      const end = pastWord(text, at);
      const word = text.slice(at, end).toLowerCase();
      at = push(WORDS.has(word) ? /** @type {Piece["is"]} */ (word) : "term", at, end);
    }
  }
  return found;
}

/** Whether a term is asked not to be: an odd number of negations stands before it.
 * @param {Piece[]} all @param {number} place of the term
 */
export function isNegated(all, place) {
  let count = 0;
  while (all[place - 1 - count]?.is === "not") count += 1;
  return count % 2 === 1;
}

/** @param {Piece|undefined} piece whether an operand ends or begins with it */
const isOperand = (piece) => piece !== undefined && (piece.is === "term" || piece.is === "not");

/**
 * The text without one of its terms, and without what joined it to the rest: brackets that would be
 * left empty, and of two operators the one that binds more tightly.
 * @param {string} text
 * @param {number} place of the term among the pieces
 */
export function without(text, place) {
  const all = pieces(text);
  let low = place;
  let high = place;
  for (;;) {
    while (all[low - 1]?.is === "not") low -= 1;
    if (all[low - 1]?.is !== "(" || all[high + 1]?.is !== ")") break;
    low -= 1;
    high += 1;
  }
  const left = all[low - 1];
  const right = all[high + 1];
  const joins = (/** @type {Piece|undefined} */ piece) => piece?.is === "and" || piece?.is === "or";
  const atLeft = !left || left.is === "(";
  const atRight = !right || right.is === ")";
  const byNothing = isOperand(left) || left?.is === ")" || isOperand(right) || right?.is === "(";
  if (atLeft) {
    if (joins(right)) high += 1;
  } else if (atRight) {
    if (joins(left)) low -= 1;
  } else if (left.is === "and") low -= 1;
  else if (right.is === "and") high += 1;
  else if (!byNothing && joins(left)) low -= 1;
  const before = text.slice(0, all[low]?.start).trimEnd();
  const after = text.slice(all[high]?.end).trimStart();
  const tight = before === "" || before.endsWith("(") || after === "" || after.startsWith(")");
  return before + (tight ? "" : " ") + after;
}

/**
 * The text with one of its terms negated, or no longer.
 * @param {string} text
 * @param {number} place of the term among the pieces
 */
export function turned(text, place) {
  const all = pieces(text);
  const term = all[place];
  if (!term) return text;
  const before = all[place - 1];
  if (before?.is !== "not") return `${text.slice(0, term.start)}-${text.slice(term.start)}`;
  return text.slice(0, before.start) + text.slice(term.start);
}

/**
 * The text with one more term that must hold as well; one that is the opposite of a term there is
 * takes its place.
 * @param {string} text
 * @param {string} term
 */
export function withTerm(text, term) {
  const all = pieces(text);
  const bare = term.replace(/^-/, "");
  const wantsNot = bare !== term;
  // Only where all terms must hold does one of them stand for itself.
  const flat = all.every((piece) => piece.is === "term" || piece.is === "not" || piece.is === "and");
  if (flat) {
    const place = all.findIndex((piece) => piece.is === "term" && piece.text === bare);
    if (place >= 0) return isNegated(all, place) === wantsNot ? text : turned(text, place);
  }
  const kept = text.trim();
  if (!kept) return term;
  return all.some((piece) => piece.is === "or") ? `(${kept}) ${term}` : `${kept} ${term}`;
}

/** A term of a field and a value, quoted where it must be. @param {string} field @param {string|number} value */
export function termOf(field, value) {
  const text = String(value);
  const plain = /^[\p{L}\p{N}_@./:[\]%+~][\p{L}\p{N}_@./:[\]%+~-]*$/u.test(text) && !text.includes("..");
  return `${field}:${plain ? text : quoted(text)}`;
}

/** @param {string} text */
export const quoted = (text) => `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;

/**
 * What is being typed at a place of the text: the name of a field or a word, or a field's value.
 * @param {string} text
 * @param {number} caret
 * @returns {{is: "word"|"value", field: string, typed: string, start: number, end: number}}
 */
export function typedAt(text, caret) {
  const piece = pieces(text).find(
    (one) => one.is !== "(" && one.is !== ")" && one.start < caret && caret <= one.end,
  );
  if (!piece || (piece.is === "not" && piece.text === "-"))
    return { is: "word", field: "", typed: "", start: caret, end: caret };
  const start = piece.end - piece.value.length;
  if (piece.field && caret >= start)
    return { is: "value", field: piece.field, typed: text.slice(start, caret), start, end: piece.end };
  return { is: "word", field: "", typed: text.slice(piece.start, caret), start: piece.start, end: piece.end };
}

/**
 * A place that counts characters, as the server does, as one that counts UTF-16 units.
 * @param {string} text
 * @param {number} characters
 */
export function unitsAt(text, characters) {
  let units = 0;
  let left = characters;
  for (const char of text) {
    if (left <= 0) break;
    units += char.length;
    left -= 1;
  }
  return units;
}
