// @ts-check
/**
 * A stretch of events, oldest first: all there are above `from` up to `upTo`. It grows at both ends
 * and can be cut at both, and is bounded in how many events they are and in how much text they
 * hold: a traceback weighs as much as a hundred short lines.
 */

/** @import { DeckEvent } from "../types.js" */

/** What an event weighs besides its texts, in characters. */
const BARE = 300;
/** To move thousands up by a place for each that comes would be most of the work. */
const SLACK = 1.1;

/** About how many characters an event holds. @param {DeckEvent} event */
function weightOf(event) {
  let weight = BARE;
  for (const value of Object.values(event.data)) {
    if (typeof value === "string") weight += value.length;
    else if (value && typeof value === "object") weight += JSON.stringify(value).length;
  }
  return weight;
}

export class Stretch {
  /**
   * @param {number} seq where it begins and ends, as yet empty
   * @param {{events: number, characters: number}} bounds
   */
  constructor(seq, bounds) {
    this.from = seq;
    this.upTo = seq;
    this.bounds = bounds;
    /** @type {DeckEvent[]} */
    this.items = [];
    this.weight = 0;
    /** The place of the first: falls as some are put in front, rises as some are cut off there. */
    this.base = 0;
    /** Where the search below `from` goes on, if it has begun. @type {string|null} */
    this.cursor = null;
  }

  get isFull() {
    return this.items.length >= this.bounds.events || this.weight >= this.bounds.characters;
  }

  /**
   * @param {readonly DeckEvent[]} events oldest first, all above `upTo`
   * @param {number} upTo
   */
  append(events, upTo) {
    for (const event of events) {
      this.items.push(event);
      this.weight += weightOf(event);
    }
    this.upTo = upTo;
  }

  /**
   * @param {readonly DeckEvent[]} events oldest first, none above `from`
   * @param {number} from
   * @param {string|null} cursor
   */
  prepend(events, from, cursor) {
    if (events.length) this.items = events.concat(this.items);
    this.base -= events.length;
    for (const event of events) this.weight += weightOf(event);
    this.from = from;
    this.cursor = cursor;
  }

  /** Cut off the oldest that are too many; whether there were any. */
  cutFront() {
    const { events, characters } = this.bounds;
    if (this.items.length <= events * SLACK && this.weight <= characters * SLACK) return false;
    let count = 0;
    while (this.items.length - count > 1) {
      if (this.items.length - count <= events && this.weight <= characters) break;
      this.weight -= weightOf(/** @type {DeckEvent} */ (this.items[count]));
      count += 1;
    }
    const last = this.items.splice(0, count).pop();
    if (!last) return false;
    this.base += count;
    this.from = last.seq;
    this.cursor = null;
    return true;
  }

  /** Cut off the newest that are too many. */
  cutEnd() {
    const { events, characters } = this.bounds;
    while (this.items.length > 1 && (this.items.length > events || this.weight > characters)) {
      this.weight -= weightOf(/** @type {DeckEvent} */ (this.items.pop()));
      this.upTo = this.items[this.items.length - 1]?.seq ?? this.from;
    }
  }

  /** The same events, to be changed apart. */
  copy() {
    const copy = new Stretch(this.from, this.bounds);
    copy.items = this.items.slice();
    const { upTo, weight, base, cursor } = this;
    return Object.assign(copy, { upTo, weight, base, cursor });
  }
}
