// @ts-check
/**
 * The pages of a long list, as far as it was looked at, by the ids that are on them. One that is far
 * from what is in sight may be forgotten: its cursor and its length stay, so that nothing moves, and
 * it can be fetched again. Pure.
 */

/**
 * @typedef {object} Page
 * @property {string|null} cursor  with which it was asked for
 * @property {number} limit
 * @property {number} length
 * @property {number[]|null} ids  null: forgotten
 */

export class Pages {
  constructor() {
    /** @type {Page[]} */
    this.all = [];
  }

  /** How many rows they have, those that are forgotten as well. */
  get count() {
    return this.all.reduce((sum, page) => sum + page.length, 0);
  }

  clear() {
    this.all = [];
  }

  /** The ids that are known, in order. @param {Page} [but] leaving one page out @returns {number[]} */
  ids(but) {
    return this.all.flatMap((page) => (page === but ? [] : (page.ids ?? [])));
  }

  /** The ids from `start` to before `end`; null: forgotten. @param {number} start @param {number} end */
  slice(start, end) {
    /** @type {(number|null)[]} */
    const found = [];
    for (const { page, first } of this.within(start, end)) {
      const from = Math.max(start, first);
      const to = Math.min(end, first + page.length);
      for (let place = from; place < to; place += 1) found.push(page.ids?.[place - first] ?? null);
    }
    return found;
  }

  /**
   * The pages with rows from `start` to before `end`: which they are, and where they begin.
   * @param {number} start
   * @param {number} end
   */
  within(start, end) {
    /** @type {{page: Page, at: number, first: number}[]} */
    const found = [];
    let first = 0;
    for (const [at, page] of this.all.entries()) {
      if (first < end && first + page.length > start) found.push({ page, at, first });
      first += page.length;
    }
    return found;
  }

  /**
   * Keep the ids of `most` rows, those of the pages nearest to what is in sight.
   * @param {{start: number, end: number}} sight
   * @param {number} most
   * @returns {number[]} those that are forgotten
   */
  forget(sight, most) {
    let known = this.all.reduce((sum, page) => sum + (page.ids?.length ?? 0), 0);
    if (known <= most) return [];
    const middle = (sight.start + sight.end) / 2;
    const far = this.within(0, Number.POSITIVE_INFINITY)
      .map(({ page, first }) => ({ page, distance: Math.abs(first + page.length / 2 - middle) }))
      .sort((a, b) => b.distance - a.distance);
    /** @type {number[]} */
    const forgotten = [];
    for (const { page } of far) {
      if (known <= most) break;
      known -= page.ids?.length ?? 0;
      forgotten.push(...(page.ids ?? []));
      page.ids = null;
    }
    return forgotten;
  }
}
