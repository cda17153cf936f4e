// @ts-check
/**
 * The list of exceptions behind a page: kept up to date as errors are told of, and still while
 * somebody reads. It knows no page: what asks the panel, and what waits, is given.
 */

import { signal } from "@preact/signals-core";

/** @import { ExceptionGroup } from "../types.js" */

/**
 * @typedef {"-last_seen"|"-first_seen"|"-count"} Sort
 * @typedef {{items: ExceptionGroup[], next_cursor: string|null, total: number|null, displaced: number}} Answer
 * @typedef {{service: string|null, q: string|null, sort: Sort, limit: number, cursor?: string|null}} Asked
 */

export const SORTS = /** @type {{value: Sort, text: string}[]} */ ([
  { value: "-last_seen", text: "Last seen" },
  { value: "-first_seen", text: "First seen" },
  { value: "-count", text: "Count" },
]);

const PAGE = 50;
/** Between two looks while errors come in, and the same while nobody looks at the list. */
const AGAIN_MS = 1_000;
const AGAIN_UNSEEN_MS = 5_000;

export class ExceptionList {
  /**
   * @param {{
   *   ask: (asked: Asked) => Promise<Answer>,
   *   service?: string|null, q?: string|null, sort?: Sort, watched?: boolean, total?: number,
   *   later?: (run: () => void, ms: number) => unknown,
   * }} how
   */
  constructor({
    ask,
    service = null,
    q = null,
    sort = "-last_seen",
    watched = true,
    total = 0,
    later = (run, ms) => setTimeout(run, ms),
  }) {
    this.ask = ask;
    this.later = later;
    this.service = service;
    this.q = q;
    /** @type {Sort} */
    this.sort = sort;
    /** In the order shown. @type {ExceptionGroup[]} */
    this.items = [];
    this.total = total;
    /** When the newest of all was last seen, where that is known. @type {string|null} */
    this.newest = null;
    this.displaced = 0;
    /** @type {string|null} */
    this.next = null;
    /** New ones that are not shown yet, as the list is held. */
    this.waiting = 0;
    /** @type {"new"|"loading"|"ready"|"failed"} */
    this.state = "new";
    this.why = "";
    /** Whether anybody looks at it; for a count alone one entry is asked for. */
    this.watched = watched;
    /** Grows with each change, for whoever draws it. */
    this.version = signal(0);
    this.held = false;
    /** What an answer would have shown, had the list not been held. @type {ExceptionGroup[]|null} */
    this.putBy = null;
    /** Those that are about to be forgotten. @type {Set<string>} */
    this.hidden = new Set();
    this.asking = 0;
    this.scheduled = false;
    this.again = false;
  }

  /** What the page came with. @param {Answer} answer */
  seed(answer) {
    this.items = answer.items;
    this.#note(answer);
    this.next = answer.next_cursor;
    this.state = "ready";
    this.#changed();
  }

  /** The items to show. */
  get shown() {
    return this.items.filter((one) => !this.hidden.has(one.id));
  }

  /** How many there are, shown or not. */
  get count() {
    return Math.max(0, this.total - this.hidden.size);
  }

  /** Ask anew. @returns {Promise<void>} */
  async load() {
    this.asking += 1;
    const mine = this.asking;
    if (this.state !== "ready") this.state = "loading";
    this.#changed();
    const whole = this.watched;
    try {
      const answer = await this.ask({ ...this.#asked(), limit: whole ? PAGE : 1 });
      if (mine !== this.asking) return;
      this.#note(answer);
      this.state = whole || this.state === "ready" ? "ready" : "new";
      if (whole) this.#merge(answer);
      else this.#update(answer.items);
    } catch (error) {
      if (mine !== this.asking) return;
      this.why = error instanceof Error ? error.message : String(error);
      if (this.state !== "ready") this.state = "failed";
    }
    this.#changed();
  }

  /** Ask for those behind the last one. */
  async more() {
    const cursor = this.next;
    if (!cursor) return;
    const mine = this.asking;
    const answer = await this.ask({ ...this.#asked(), limit: PAGE, cursor });
    if (mine !== this.asking && this.next !== cursor) return;
    const known = new Set(this.items.map((one) => one.id));
    this.items = [...this.items, ...answer.items.filter((one) => !known.has(one.id))];
    this.next = answer.next_cursor;
    this.#changed();
  }

  /** Errors came in: look soon, but not at each. */
  noticed() {
    if (this.scheduled) {
      this.again = true;
      return;
    }
    this.scheduled = true;
    const look = async () => {
      this.again = false;
      await this.load();
      this.later(
        () => {
          this.scheduled = false;
          if (this.again) this.noticed();
        },
        this.watched ? AGAIN_MS : AGAIN_UNSEEN_MS,
      );
    };
    look();
  }

  /** Somebody looks at it from now on, or no longer. @param {boolean} watched */
  watch(watched) {
    const begins = watched && !this.watched;
    this.watched = watched;
    if (begins || (watched && this.state === "new")) this.load();
  }

  /** Another order or another search. @param {{q?: string|null, sort?: Sort, service?: string|null}} change */
  choose(change) {
    Object.assign(this, change);
    this.putBy = null;
    this.waiting = 0;
    this.items = [];
    this.next = null;
    this.state = "loading";
    return this.load();
  }

  /** Keep every card where it is, or let them move again. @param {boolean} held */
  hold(held) {
    if (this.held === held) return;
    this.held = held;
    if (!held) this.settle();
  }

  /** Show what came while the list was held. */
  settle() {
    if (this.putBy) this.items = this.putBy;
    this.putBy = null;
    this.waiting = 0;
    this.#changed();
  }

  /** Leave one out, as it is about to be forgotten; or show it again. @param {string} id @param {boolean} hidden */
  hide(id, hidden) {
    if (hidden) this.hidden.add(id);
    else this.hidden.delete(id);
    this.#changed();
  }

  /** One is forgotten. @param {string} id */
  drop(id) {
    this.hidden.delete(id);
    const left = (/** @type {ExceptionGroup[]} */ items) => items.filter((one) => one.id !== id);
    if (left(this.items).length < this.items.length) this.total = Math.max(0, this.total - 1);
    this.items = left(this.items);
    if (this.putBy) this.putBy = left(this.putBy);
    this.#changed();
  }

  #asked() {
    return { service: this.service, q: this.q, sort: this.sort };
  }

  /** @param {Answer} answer */
  #note(answer) {
    this.total = answer.total ?? answer.items.length;
    this.displaced = answer.displaced;
    for (const { last_seen: seen } of answer.items)
      if (this.newest === null || seen > this.newest) this.newest = seen;
  }

  /** The first page as it is now; what was loaded behind it stays. @param {Answer} answer */
  #merge(answer) {
    const fresh = new Set(answer.items.map((one) => one.id));
    const last = answer.items[answer.items.length - 1];
    const behind =
      answer.next_cursor && last
        ? this.items.filter((one) => !fresh.has(one.id) && !this.#isAhead(one, last))
        : [];
    const merged = [...answer.items, ...behind];
    if (behind.length === 0) this.next = answer.next_cursor;
    if (!this.held || this.items.length === 0) {
      this.items = merged;
      this.putBy = null;
      this.waiting = 0;
      return;
    }
    this.#update(merged);
    this.putBy = merged;
    const known = new Set(this.items.map((one) => one.id));
    this.waiting = merged.filter((one) => !known.has(one.id)).length;
  }

  /** New figures for those that are shown, each in its place. @param {ExceptionGroup[]} fresh */
  #update(fresh) {
    const byId = new Map(fresh.map((one) => [one.id, one]));
    this.items = this.items.map((one) => byId.get(one.id) ?? one);
  }

  /** Whether one would stand in front of another. @param {ExceptionGroup} one @param {ExceptionGroup} other */
  #isAhead(one, other) {
    const key = /** @type {"last_seen"|"first_seen"|"count"} */ (this.sort.slice(1));
    return one[key] > other[key];
  }

  #changed() {
    this.version.value += 1;
  }
}

/**
 * How often in the last half-hour and in the day, from what the half-hours counted.
 * @param {number[]} activity
 */
export const lately = (activity) => ({
  halfHour: activity[activity.length - 1] ?? 0,
  day: activity.reduce((sum, count) => sum + count, 0),
});

/** The end of a path, as much as tells files apart: two folders and the name. @param {string} path */
export function shortPath(path) {
  const parts = path.split("/");
  return parts.length > 4 ? `…/${parts.slice(-2).join("/")}` : path;
}

/**
 * A traceback's lines, and which belong to the frame to look at first.
 * @param {string} text
 * @param {{file: string, line: number}|null} place
 * @returns {{text: string, kind: ""|"own"|"frame"|"type"}[]}
 */
export function tracebackLines(text, place) {
  const wanted = place ? `File "${place.file}", line ${place.line}` : null;
  let inPlace = false;
  return text
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => {
      const bare = line.replace(/^ *[|+]? ?/, "");
      if (/^ *File "/.test(line) || /^ *\| +File "/.test(line)) {
        const rest = bare.trimStart();
        inPlace = wanted !== null && (rest === wanted || rest.startsWith(`${wanted},`));
        return { text: line, kind: inPlace ? "own" : "frame" };
      }
      if (!/^[ |+]/.test(line)) {
        inPlace = false;
        return { text: line, kind: /^[\w.<>]+(:|$)/.test(line) ? "type" : "" };
      }
      return { text: line, kind: inPlace ? "own" : "" };
    });
}
