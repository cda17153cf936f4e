// @ts-check
/**
 * The data of one bar: when how much went which way. A ring of numbers that grows as it is needed, so
 * that a connection which says little costs little and one which says much costs no more than the
 * bound. Two of one direction that no zoom tells apart are one. Pure.
 */

const FIRST = 8;
export const TICKS = 1_024;
/** Nearer than this is one pixel in any view. */
const TOGETHER_SECONDS = 0.004;

export class Ticks {
  constructor() {
    this.times = new Float64Array(FIRST);
    /** Bytes, negative where they went out. */
    this.sizes = new Float64Array(FIRST);
    this.length = 0;
    /** Where the oldest stands. */
    this.start = 0;
    /** How many were dropped, and the last of each direction, counted over all that ever came. */
    this.dropped = 0;
    this.lastIn = -1;
    this.lastOut = -1;
  }

  /** @param {number} at which of them, 0 the oldest */
  time(at) {
    return /** @type {number} */ (this.times[(this.start + at) % this.times.length]);
  }

  /** @param {number} at */
  size(at) {
    return /** @type {number} */ (this.sizes[(this.start + at) % this.sizes.length]);
  }

  /**
   * One more.
   * @param {number} time seconds
   * @param {number} size bytes, negative where they went out
   */
  push(time, size) {
    const last = (size < 0 ? this.lastOut : this.lastIn) - this.dropped;
    if (last >= 0 && time - this.time(last) < TOGETHER_SECONDS) {
      const place = (this.start + last) % this.sizes.length;
      this.sizes[place] = /** @type {number} */ (this.sizes[place]) + size;
      return;
    }
    if (this.length === this.times.length) this.#makeRoom();
    const place = (this.start + this.length) % this.times.length;
    this.times[place] = time;
    this.sizes[place] = size;
    if (size < 0) this.lastOut = this.dropped + this.length;
    else this.lastIn = this.dropped + this.length;
    this.length += 1;
  }

  /**
   * Those of the past, before all that are here.
   * @param {number[]} times oldest first
   * @param {number[]} sizes
   */
  prepend(times, sizes) {
    const known = [];
    for (let at = 0; at < this.length; at += 1) known.push([this.time(at), this.size(at)]);
    this.length = this.start = this.dropped = 0;
    this.lastIn = this.lastOut = -1;
    times.forEach((time, at) => this.push(time, sizes[at] ?? 0));
    for (const [time, size] of known) this.push(/** @type {number} */ (time), size ?? 0);
  }

  #makeRoom() {
    if (this.times.length >= TICKS) {
      this.start = (this.start + 1) % this.times.length;
      this.length -= 1;
      this.dropped += 1;
      return;
    }
    const times = new Float64Array(this.times.length * 2);
    const sizes = new Float64Array(this.sizes.length * 2);
    for (let at = 0; at < this.length; at += 1) {
      times[at] = this.time(at);
      sizes[at] = this.size(at);
    }
    this.times = times;
    this.sizes = sizes;
    this.start = 0;
  }
}

/**
 * How high a tick stands: by the logarithm of its bytes, so that 1 and 64 K both show.
 * @param {number} bytes
 * @param {number} most
 */
export const tickHeight = (bytes, most) =>
  Math.min(most, 1.5 + Math.log10(1 + Math.abs(bytes)) * (most - 1.5) * 0.22);
