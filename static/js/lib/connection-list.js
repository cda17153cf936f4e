// @ts-check
/**
 * The connections that a table shows, out of any number that there are.
 *
 * The server filters, sorts and counts; this holds the pages that were looked at. Left alone at its
 * top the list is the server's first page, asked for again when something has happened, and while
 * anything in it is open once a second. `held` it keeps its rows and their places: what is known of
 * them goes on being told, and what came meanwhile is counted (`waiting`).
 *
 * Bounded: of more than `KEPT` rows the pages furthest from those in sight are forgotten, and fetched
 * again by their cursor when they come in sight.
 */

import { after, lastOf, rowOf } from "./connection-rows.js";
import { Pages } from "./connection-pages.js";
import { DEFAULTS, isNewestFirst, isSteady } from "./connection-view.js";

/** @import { Connection, DeckEvent } from "../types.js" */
/** @import { Page } from "./connection-pages.js" */
/** @import { Row } from "./connection-rows.js" */
/** @import { View } from "./connection-view.js" */

export const FIRST = 100;
export const PAGE = 250;
export const KEPT = 10_000;
/** Connections of which the last bytes are remembered: more than are in sight, listed yet or not. */
export const LASTS_KEPT = 2_000;

const SOON_MS = 250;
const OFTEN_MS = 1_000;
/** Asking takes at most one part in so many of the server's time for this tab. */
const SHARE = 20;

/** @typedef {{items: Connection[], next_cursor: string|null, total: number|null}} Answer */

/**
 * @typedef {object} Means
 * @property {(query: Record<string, any>) => Promise<Answer>} ask  `GET /connections`
 * @property {() => void} changed  what the list says has changed
 * @property {() => number} [now]  milliseconds
 * @property {(run: () => void, ms: number) => unknown} [later]
 */

export class ConnectionList {
  /** @param {View} view @param {Means} means */
  constructor(view, { ask, changed, now, later }) {
    this.view = view;
    this.ask = ask;
    this.changed = changed;
    this.now = now ?? (() => performance.now());
    this.later = later ?? ((run, ms) => setTimeout(run, ms));
    this.pages = new Pages();
    /** @type {Map<number, Row>} */
    this.rows = new Map();
    /** @type {Map<number, NonNullable<Row["last"]>>} */
    this.lasts = new Map();
    /** Of the page that follows; null: there is none. @type {string|null} */
    this.next = null;
    /** How many the server has, of which the list may hold a part. @type {number|null} */
    this.total = null;
    /** Why the server will not list this. @type {any} */
    this.problem = null;
    /** How many came while the list was held. */
    this.waiting = 0;
    /** Whether the waiting are more than were counted. */
    this.waitingMore = false;
    this.held = false;
    /** Whether somebody looks at it: nothing is asked for where nobody does. */
    this.watched = true;
    /** Whether what is asked for now has not been answered yet. */
    this.turning = false;
    this.sight = { start: 0, end: 0 };
    this.highest = 0;
    /** Grows with each view: answers to a former one are dropped. */
    this.generation = 0;
    this.fetching = false;
    this.due = Number.POSITIVE_INFINITY;
    this.notBefore = 0;
    /** @type {Set<number>} */
    this.asked = new Set();
  }

  get count() {
    return this.pages.count;
  }

  /** Whether any listed row may change without an event that says so. */
  get isLively() {
    for (const row of this.rows.values()) if (row.state === "open") return true;
    return false;
  }

  /** The rows from `start` to before `end`; null: forgotten, and on its way. @param {number} start @param {number} end */
  slice(start, end) {
    return this.pages
      .slice(start, end)
      .map((id) => (id === null ? null : (this.rows.get(id) ?? null)));
  }

  /** The ids that are held, in order. @returns {number[]} */
  ids() {
    return this.pages.ids();
  }

  // -- what the server says ---------------------------------------------------------------------

  /** Begin with what came with the page. @param {Answer} answer */
  begin(answer) {
    this.#replace(answer, FIRST);
  }

  /** List others, or in another order. What is shown stays until the answer is there. @param {View} view */
  show(view) {
    this.view = view;
    this.generation += 1;
    this.turning = true;
    this.fetching = false;
    this.waiting = 0;
    this.asked.clear();
    this.changed();
    return this.#first(true);
  }

  /** List what is there now, held or not: those that wait come in. */
  showNew() {
    return this.#first(true);
  }

  /** Keep every row where it is, or no more. @param {boolean} on */
  hold(on) {
    if (this.held === on) return;
    this.held = on;
    if (!on) this.#wish(0);
  }

  /** Somebody looks at it, or looks no more. @param {boolean} on */
  watch(on) {
    this.watched = on;
    this.held = false;
    if (on) this.#wish(0);
  }

  /** Which rows are in sight: what is missing of them is fetched. @param {number} start @param {number} end */
  look(start, end) {
    this.sight = { start, end };
    const missing = this.pages.within(start, end).find(({ page }) => page.ids === null);
    if (missing) this.#again(missing.at);
    else if (this.next !== null && end >= this.count - FIRST / 2) this.#more();
  }

  /** Once a second, where somebody looks. */
  tick() {
    if (this.isLively) this.#wish(OFTEN_MS);
  }

  /** Something may have happened that was not told. */
  refresh() {
    this.#wish(SOON_MS);
  }

  /** @param {DeckEvent[]} events */
  apply(events) {
    this.#noteLast(events);
    let changed = false;
    for (const event of events) {
      if (event.kind === "events.dropped") this.#wish(SOON_MS);
      const id = event.connection;
      if (id === null || !event.kind.startsWith("connection.")) continue;
      const row = this.rows.get(id);
      if (row) {
        this.rows.set(id, after(row, event));
        changed = true;
      }
      const isNews = event.kind === "connection.opened" || event.kind === "connection.closed";
      if (isNews && (!this.view.service || this.view.service === event.service))
        this.#wish(SOON_MS);
    }
    if (changed) this.changed();
  }

  /** What events of the past say of last bytes. @param {DeckEvent[]} events */
  note(events) {
    this.#noteLast(events);
    for (const row of this.rows.values())
      if (!row.last) this.rows.set(row.id, { ...row, last: this.lasts.get(row.id) ?? null });
    this.changed();
  }

  /** The list does not say what a connection's last bytes were. @param {DeckEvent[]} events */
  #noteLast(events) {
    for (const event of events) {
      if (event.kind !== "connection.data" || event.connection === null) continue;
      this.lasts.delete(event.connection);
      this.lasts.set(event.connection, lastOf(event));
    }
    for (const id of this.lasts.keys()) {
      if (this.lasts.size <= LASTS_KEPT) break;
      this.lasts.delete(id);
    }
  }

  /** @param {Connection} said */
  #row(said) {
    return rowOf(said, this.rows.get(said.id), this.lasts.get(said.id));
  }

  // -- within -----------------------------------------------------------------------------------

  /** Ask again in so long, or as soon as may be. @param {number} ms */
  #wish(ms) {
    // What was refused is refused again.
    if (!this.watched || this.problem?.errors?.length) return;
    const at = Math.max(this.now() + ms, this.notBefore);
    if (at >= this.due) return;
    this.due = at;
    this.later(() => {
      if (this.due !== at) return;
      this.due = Number.POSITIVE_INFINITY;
      void this.#first(false);
    }, at - this.now());
  }

  /** @param {string|null} cursor @param {number} limit @returns {Promise<Answer|null>} null: nobody wants it any more */
  async #fetch(cursor, limit) {
    const { generation } = this;
    const began = this.now();
    try {
      const answer = await this.ask({ ...asked(this.view), limit, cursor });
      if (generation !== this.generation) return null;
      this.problem = null;
      return answer;
    } catch (error) {
      if (generation !== this.generation) return null;
      this.#refused(error);
      return null;
    } finally {
      const spent = this.now() - began;
      this.notBefore = this.now() + Math.max(SOON_MS, SHARE * spent);
    }
  }

  /** @param {any} error */
  #refused(error) {
    // No answer at all: the link says so, and what is listed is the last that was known.
    const isOver = this.turning || error?.status === 422;
    this.turning = false;
    if (isOver) {
      this.problem = error;
      this.pages.clear();
      this.rows.clear();
      this.next = null;
      this.total = null;
      this.#wish(OFTEN_MS);
    }
    this.changed();
  }

  /** @param {boolean} anyway whether it is listed even while the list is held */
  async #first(anyway) {
    if (this.fetching && !anyway) return this.#wish(SOON_MS);
    this.fetching = true;
    const answer = await this.#fetch(null, FIRST);
    this.fetching = false;
    if (!answer) return undefined;
    if (anyway || !this.held) this.#replace(answer, FIRST);
    else {
      this.#count(answer);
      this.#update(answer.items);
      this.changed();
      await this.#follow();
    }
    return undefined;
  }

  /** While it is held: what stands in the rows in sight, that the first page may not have. */
  async #follow() {
    for (const { page, at } of this.pages.within(this.sight.start, this.sight.end)) {
      if (at === 0 || !page.ids?.some((id) => this.rows.get(id)?.state === "open")) continue;
      const answer = await this.#fetch(page.cursor, page.limit);
      if (!answer) return;
      this.#update(answer.items);
      this.#miss(page, answer);
      this.changed();
    }
  }

  async #more() {
    const cursor = this.next;
    if (cursor === null || this.asked.has(-1)) return;
    const { generation } = this;
    this.asked.add(-1);
    const answer = await this.#fetch(cursor, PAGE);
    if (generation !== this.generation) return;
    this.asked.delete(-1);
    // Where the list was made anew meanwhile, it goes on elsewhere.
    if (!answer || this.next !== cursor) return;
    this.#put({ cursor, limit: PAGE, length: 0, ids: [] }, answer, this.pages.all.length);
    this.next = answer.next_cursor;
    this.total = answer.total;
    for (const id of this.pages.forget(this.sight, KEPT)) this.rows.delete(id);
    this.changed();
  }

  /** A page that was forgotten. @param {number} at */
  async #again(at) {
    const page = this.pages.all[at];
    if (!page || this.asked.has(at)) return;
    this.asked.add(at);
    const answer = await this.#fetch(page.cursor, page.limit);
    this.asked.delete(at);
    if (!answer || this.pages.all[at] !== page) return;
    this.#put(page, answer, at);
    for (const id of this.pages.forget(this.sight, KEPT)) this.rows.delete(id);
    this.changed();
  }

  /** @param {Answer} answer @param {number} limit */
  #replace(answer, limit) {
    const before = this.rows;
    const isFirst = before.size === 0 || this.turning;
    const highest = this.highest;
    this.rows = new Map();
    for (const said of answer.items) {
      const known = before.get(said.id);
      const isFresh = !isFirst && !known && said.id > highest;
      this.rows.set(said.id, rowOf(said, known, this.lasts.get(said.id), isFresh));
      this.highest = Math.max(this.highest, said.id);
    }
    const ids = answer.items.map((one) => one.id);
    this.pages.all = [{ cursor: null, limit, length: ids.length, ids }];
    this.next = answer.next_cursor;
    this.total = answer.total;
    this.waiting = 0;
    this.waitingMore = false;
    this.turning = false;
    this.changed();
  }

  /** @param {Page} page @param {Answer} answer @param {number} at */
  #put(page, answer, at) {
    const known = new Set(this.pages.ids(page));
    const items = answer.items.filter((one) => !known.has(one.id));
    for (const said of items) this.rows.set(said.id, this.#row(said));
    for (const said of items) this.highest = Math.max(this.highest, said.id);
    const ids = items.map((one) => one.id);
    this.pages.all[at] = { ...page, length: ids.length, ids };
  }

  /** @param {Connection[]} items what is said of rows that are listed */
  #update(items) {
    for (const said of items) if (this.rows.has(said.id)) this.rows.set(said.id, this.#row(said));
  }

  /** Rows of a page that the server lists no more, where it would, have closed unheard. @param {Page} page @param {Answer} answer */
  #miss(page, answer) {
    if (this.view.state !== "open" || !isSteady(this.view)) return;
    const listed = new Set(answer.items.map((one) => one.id));
    const end = answer.items.at(-1)?.id;
    const sign = this.view.sort.startsWith("-") ? -1 : 1;
    for (const id of page.ids ?? []) {
      const row = this.rows.get(id);
      const isWithin = answer.next_cursor === null || (end !== undefined && sign * (end - id) >= 0);
      if (row?.state === "open" && isWithin && !listed.has(id))
        this.rows.set(id, { ...row, state: "closed", idle: null });
    }
  }

  /** How many came while the list was held. @param {Answer} answer its first page as it now is */
  #count(answer) {
    this.total = answer.total;
    if (!isNewestFirst(this.view)) return;
    const news = answer.items.filter((one) => !this.rows.has(one.id)).length;
    this.waiting = news;
    this.waitingMore = news === answer.items.length && answer.next_cursor !== null;
  }
}

/** What of a view REST is asked for. @param {View} view */
const asked = (view) =>
  Object.fromEntries(
    Object.entries(view).filter(([name, value]) => value !== DEFAULTS[/** @type {keyof View} */ (name)]),
  );
