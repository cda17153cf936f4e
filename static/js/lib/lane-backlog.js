// @ts-check
/**
 * How many waited in the kernel's backlog, and when: steps, each from when the count was seen to be
 * another one. Bounded: the oldest go. Pure.
 */

const STEPS = 2_000;

export class BacklogHistory {
  constructor() {
    this.times = new Float64Array(STEPS);
    this.counts = new Float64Array(STEPS);
    this.length = 0;
    this.start = 0;
  }

  /** The count now; 0 while nobody knows. */
  get last() {
    return this.length ? this.count(this.length - 1) : 0;
  }

  /** @param {number} at which step, 0 the oldest */
  time(at) {
    return /** @type {number} */ (this.times[(this.start + at) % STEPS]);
  }

  /** @param {number} at */
  count(at) {
    return /** @type {number} */ (this.counts[(this.start + at) % STEPS]);
  }

  /**
   * So many were seen.
   * @param {number} time seconds
   * @param {number} count
   * @returns {boolean} whether it is another count than before
   */
  push(time, count) {
    if (count === this.last) return false;
    if (this.length === STEPS) {
      this.start = (this.start + 1) % STEPS;
      this.length -= 1;
    }
    const place = (this.start + this.length) % STEPS;
    this.times[place] = time;
    this.counts[place] = count;
    this.length += 1;
    return true;
  }

  /** The first step that reaches into a view; `length` where none does. @param {number} from seconds */
  firstFrom(from) {
    let at = this.length;
    while (at > 0 && this.time(at - 1) > from) at -= 1;
    return Math.max(0, at - 1);
  }

  /** The most at any time of a view. @param {number} from @param {number} to seconds */
  most(from, to) {
    let most = 0;
    for (let at = this.firstFrom(from); at < this.length && this.time(at) <= to; at += 1)
      most = Math.max(most, this.count(at));
    return most;
  }
}
