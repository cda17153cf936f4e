// @ts-check
/**
 * Which connections are selected: some, by id, or all that match, of which there may be more than
 * anybody lists. What closes is selected no more. Pure.
 */

import { isDatagram } from "./states.js";

/** @import { Row } from "./connection-rows.js" */

/** As many as one call takes. */
export const SELECTED_MOST = 10_000;

/** @typedef {{service: string, transport: string}} Facts  what is to be known of it once it is out of sight */

export class Selection {
  constructor() {
    /** @type {Map<number, Facts>} */
    this.some = new Map();
    /** Whether it is all that match. */
    this.all = false;
    /** Where a range begins. @type {number|null} */
    this.anchor = null;
  }

  get isEmpty() {
    return !this.all && this.some.size === 0;
  }

  /** @param {number} id */
  has(id) {
    return this.all || this.some.has(id);
  }

  /**
   * Select a row, or let go of it; as a range all from where the last one was. Closed ones cannot be
   * selected. Of all that match none can be let go of alone: it begins anew with that one.
   * @param {number} id
   * @param {Iterable<Row|null>} listed the rows in their order
   * @param {boolean} [range]
   */
  toggle(id, listed, range = false) {
    const rows = [...listed].filter((row) => row !== null);
    const on = this.all || !this.some.has(id);
    if (this.all) this.clear();
    const to = rows.findIndex((row) => row.id === id);
    const from = range ? rows.findIndex((row) => row.id === this.anchor) : -1;
    const span = rows.slice(from < 0 ? to : Math.min(from, to), Math.max(from, to) + 1);
    this.#put(span, on);
    this.anchor = id;
  }

  /** Select these, or none of them where all are. @param {Iterable<Row|null>} listed */
  toggleAll(listed) {
    const rows = [...listed].filter((row) => row !== null && row.state === "open");
    const on = !this.all && rows.some((row) => row && !this.some.has(row.id));
    this.clear();
    if (on) this.#put(/** @type {Row[]} */ (rows), true);
  }

  /** Whatever matches, listed or not. */
  takeAll() {
    this.clear();
    this.all = true;
  }

  clear() {
    this.some.clear();
    this.all = false;
    this.anchor = null;
  }

  /** It is open no more. @param {number} id @returns {boolean} whether it was selected */
  drop(id) {
    return this.some.delete(id);
  }

  /** How many of each service, most first. @returns {[string, number][]} */
  services() {
    /** @type {Map<string, number>} */
    const found = new Map();
    for (const { service } of this.some.values()) found.set(service, (found.get(service) ?? 0) + 1);
    return [...found].sort((a, b) => b[1] - a[1]);
  }

  /** Whether every one of them can be reset. */
  get canReset() {
    for (const { transport } of this.some.values()) if (transport !== "tcp") return false;
    return true;
  }

  /** Whether every one of them is a stream. */
  get hasNoFlow() {
    for (const { transport } of this.some.values()) if (isDatagram(transport)) return false;
    return true;
  }

  /** @param {Row[]} rows @param {boolean} on */
  #put(rows, on) {
    for (const row of rows) {
      if (!on) this.some.delete(row.id);
      else if (row.state === "open" && this.some.size < SELECTED_MOST)
        this.some.set(row.id, { service: row.service, transport: row.transport });
    }
  }
}
