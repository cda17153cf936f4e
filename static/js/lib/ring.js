// @ts-check
/**
 * A bounded sequence: what is pushed past the bound drops the oldest. It keeps count of all it ever
 * took, so that a reader can name an item by its place since the beginning and see what it missed.
 * @template T
 */
export class Ring {
  /** @param {number} capacity */
  constructor(capacity) {
    this.capacity = capacity;
    /** How many were ever pushed. */
    this.pushed = 0;
    /** @type {T[]} */
    this.items = [];
    this.head = 0;
  }

  /** How many are held. */
  get length() {
    return this.items.length;
  }

  /** The place, since the beginning, of the oldest that is held. */
  get first() {
    return this.pushed - this.items.length;
  }

  /** @param {T} item */
  push(item) {
    if (this.items.length < this.capacity) this.items.push(item);
    else {
      this.items[this.head] = item;
      this.head = (this.head + 1) % this.capacity;
    }
    this.pushed += 1;
  }

  /** The item at `index`, 0 the oldest held. @param {number} index @returns {T|undefined} */
  at(index) {
    if (index < 0 || index >= this.items.length) return undefined;
    return this.items[(this.head + index) % this.capacity];
  }

  /** The newest. @returns {T|undefined} */
  get last() {
    return this.at(this.items.length - 1);
  }

  /**
   * Items from `start` up to `end`, oldest first.
   * @param {number} [start]
   * @param {number} [end]
   * @returns {T[]}
   */
  slice(start = 0, end = this.items.length) {
    const found = [];
    for (let at = Math.max(0, start); at < Math.min(end, this.items.length); at += 1) {
      found.push(/** @type {T} */ (this.at(at)));
    }
    return found;
  }

  clear() {
    this.items = [];
    this.head = 0;
  }
}
