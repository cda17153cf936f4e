// @ts-check
/**
 * Which stretch of time the lanes show: it follows now, or is held somewhere. Seconds since the epoch.
 * Pure.
 */

export const SHORTEST_SECONDS = 1;
export const LONGEST_SECONDS = 600;

export class LaneView {
  /** @param {number} [seconds] how long a stretch */
  constructor(seconds = 30) {
    this.seconds = seconds;
    this.follows = true;
    /** Its end; while it follows, as of the last `pass`. */
    this.to = 0;
    /** The latest moment there is anything of. */
    this.now = 0;
  }

  get from() {
    return this.to - this.seconds;
  }

  /** Time passes. @param {number} now */
  pass(now) {
    this.now = now;
    if (this.follows) this.to = now;
  }

  /** Stay where it is. */
  hold() {
    this.follows = false;
  }

  /** Go on with now. */
  follow() {
    this.follows = true;
    this.to = this.now;
  }

  /**
   * Show more or less, with one moment staying where it is.
   * @param {number} factor above 1 for more
   * @param {number} [about] by default its end where it follows, else its middle
   */
  zoom(factor, about = this.follows ? this.to : this.to - this.seconds / 2) {
    const before = this.seconds;
    const wanted = before * factor;
    this.seconds = Math.min(LONGEST_SECONDS, Math.max(SHORTEST_SECONDS, wanted));
    this.#move(about + ((this.to - about) * this.seconds) / before);
  }

  /** Go back in time, or forth where negative. @param {number} seconds */
  pan(seconds) {
    this.#move(this.to - seconds);
  }

  /** Now is as far as it goes: who gets there follows. @param {number} to */
  #move(to) {
    this.follows = to >= this.now;
    this.to = this.follows ? this.now : to;
  }
}

const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120];

/** Between two lines of the scale. @param {number} seconds shown @param {number} most lines */
export const stepFor = (seconds, most) =>
  STEPS.find((step) => seconds / step <= most) ?? /** @type {number} */ (STEPS.at(-1));
