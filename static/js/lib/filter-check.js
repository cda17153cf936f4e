// @ts-check
/** Whether a text is a filter, as the server says, and what is wrong with it where it is none. */

import { unitsAt } from "./filter-text.js";
import { ApiError, get, query } from "../api.js";

/**
 * What is wrong, and where, in UTF-16 units.
 * @typedef {{detail: string, start: number, end: number}} Wrong
 */

/** @typedef {{normal: string, wrong: null} | {normal: null, wrong: Wrong}} Verdict  `normal`: tidied */

const KEPT = 16;
/** The status of a request that a web server takes no address of (RFC 9110, 15.5.15). */
const URI_TOO_LONG = 414;
/** A text means the same whenever it is asked about. @type {Map<string, Promise<Verdict>>} */
const verdicts = new Map();

/**
 * Ask the server, once for each text of late. Throws where it cannot tell.
 * @param {string} text
 * @returns {Promise<Verdict>}
 */
export function checkFilter(text) {
  const known = verdicts.get(text);
  if (known) return known;
  const verdict = ask(text);
  verdicts.set(text, verdict);
  verdict.catch(() => verdicts.delete(text));
  const [oldest] = verdicts.keys();
  if (verdicts.size > KEPT && oldest !== undefined) verdicts.delete(oldest);
  return verdict;
}

/** @param {string} text @returns {Promise<Verdict>} */
async function ask(text) {
  if (!text.trim()) return { normal: "", wrong: null };
  try {
    return { normal: (await get(`/events/filter${query({ filter: text })}`)).normal, wrong: null };
  } catch (error) {
    if (error instanceof ApiError && error.status === URI_TOO_LONG)
      return { normal: null, wrong: { detail: "this filter is too long", start: 0, end: 0 } };
    const first = error instanceof ApiError ? error.errors[0] : undefined;
    if (!first) throw error;
    const { detail, position = 0, length = 0 } = first;
    const start = unitsAt(text, position);
    return { normal: null, wrong: { detail, start, end: unitsAt(text, position + length) } };
  }
}
