// @ts-check
/**
 * A minute of figures, a sample a second.
 *
 * The server sends a status when something happens and is silent when nothing does, so a rate that
 * came with a status would stand still for ever on a service gone quiet. Rates are therefore taken
 * here, once a second, from the counters' growth: no news is zero, and correct.
 */

export const SAMPLES = 60;
/** A page that takes so long to load has missed no more than a blink. */
const UNSEEN_STEPS = 3;

/** Sixty samples, the newest last; NaN where nothing is known. */
export class Series {
  constructor() {
    this.values = new Float64Array(SAMPLES).fill(Number.NaN);
  }

  /** @param {number} value */
  push(value) {
    this.values.copyWithin(0, 1);
    this.values[SAMPLES - 1] = value;
  }

  /** The newest. */
  get last() {
    return /** @type {number} */ (this.values[SAMPLES - 1]);
  }

  /** The mean of the last `count` known samples, NaN where there is none. @param {number} count */
  mean(count) {
    let sum = 0;
    let known = 0;
    for (let at = SAMPLES - count; at < SAMPLES; at += 1) {
      const value = /** @type {number} */ (this.values[at]);
      if (Number.isNaN(value)) continue;
      sum += value;
      known += 1;
    }
    return known ? sum / known : Number.NaN;
  }

  get max() {
    let most = 0;
    for (const value of this.values) if (value > most) most = value;
    return most;
  }
}

/**
 * Several counters of one thing, sampled together into rates, and levels as they stand.
 * A counter that shrank began anew: its rate for that second counts from zero.
 */
export class Meter {
  /** @param {string[]} counters @param {string[]} [levels] */
  constructor(counters, levels = []) {
    this.counters = counters;
    this.levels = levels;
    /** @type {Record<string, Series>} */
    this.series = {};
    for (const name of [...counters, ...levels]) this.series[name] = new Series();
    /** @type {Record<string, number>|null} */
    this.before = null;
    this.sampledAt = 0;
  }

  /** @param {string} name @returns {Series} */
  of(name) {
    return /** @type {Series} */ (this.series[name]);
  }

  /**
   * Take a sample. Where seconds were missed (a hidden tab, another page), their mean stands in each;
   * a level that nobody looked at is not known.
   * @param {number} now seconds
   * @param {Record<string, number>} values
   */
  sample(now, values) {
    const elapsed = now - this.sampledAt;
    // Two samples within one second, as around a page's load, would make a peak of nothing.
    if (elapsed < 0.5) return;
    if (this.before === null || elapsed > 3600) {
      for (const name of this.levels) this.of(name).push(values[name] ?? Number.NaN);
    } else {
      const steps = Math.min(SAMPLES, Math.max(1, Math.round(elapsed)));
      for (const name of this.counters) {
        const value = values[name] ?? 0;
        const before = this.before[name] ?? 0;
        const grown = value >= before ? value - before : value;
        for (let step = 0; step < steps; step += 1)
          this.of(name).push(grown / Math.max(elapsed, 0.001));
      }
      for (const name of this.levels) {
        const value = values[name] ?? Number.NaN;
        for (let step = 1; step < steps; step += 1)
          this.of(name).push(steps > UNSEEN_STEPS ? Number.NaN : value);
        this.of(name).push(value);
      }
    }
    this.before = { ...values };
    this.sampledAt = now;
  }

  /** What `restore` takes. */
  snapshot() {
    return {
      at: this.sampledAt,
      before: this.before,
      values: Object.fromEntries(
        Object.entries(this.series).map(([name, series]) => [
          name,
          Array.from(series.values, (value) =>
            Number.isNaN(value) ? null : Number(value.toPrecision(4)),
          ),
        ]),
      ),
    };
  }

  /** Go on where another page left off. @param {ReturnType<Meter["snapshot"]>} saved */
  restore(saved) {
    this.before = saved.before;
    this.sampledAt = saved.at;
    for (const [name, series] of Object.entries(this.series)) {
      const values = saved.values[name];
      if (values?.length === SAMPLES) series.values.set(values.map((value) => value ?? Number.NaN));
    }
  }
}

/**
 * A line through the samples in a box of 59 x `height`, and the ground under it, as SVG paths.
 * @param {Float64Array|number[]} values
 * @param {number} height
 * @param {number} [floor] the least value that fills the box, so that noise stays small
 * @returns {{line: string, ground: string, top: number}}
 */
export function sparkPaths(values, height, floor = 0) {
  let top = floor;
  for (const value of values) if (value > top) top = value;
  let line = "";
  let ground = "";
  let start = -1;
  const y = (/** @type {number} */ value) =>
    (top > 0 ? height - (value / top) * height : height).toFixed(1);
  for (let at = 0; at <= values.length; at += 1) {
    const value = values[at];
    if (value === undefined || Number.isNaN(value)) {
      if (start >= 0) ground += `L${at - 1} ${height}Z`;
      start = -1;
      continue;
    }
    if (start < 0) {
      start = at;
      line += `M${at} ${y(value)}`;
      ground += `M${at} ${height}L${at} ${y(value)}`;
    } else {
      line += `L${at} ${y(value)}`;
      ground += `L${at} ${y(value)}`;
    }
  }
  return { line, ground, top };
}

/**
 * Bars of two directions on one baseline: in above, out below, both to one scale.
 * @param {Float64Array} up
 * @param {Float64Array} down
 * @param {number} half height of one side
 */
export function mirrorPaths(up, down, half) {
  let top = 1;
  for (const value of up) if (value > top) top = value;
  for (const value of down) if (value > top) top = value;
  const side = (/** @type {Float64Array} */ values, /** @type {number} */ sign) => {
    let path = "";
    values.forEach((value, at) => {
      if (!(value > 0)) return;
      // The square root keeps a small exchange visible beside a large one.
      const size = Math.max(0.8, Math.sqrt(value / top) * (half - 1));
      path += `M${at + 0.1} ${half}V${(half - sign * size).toFixed(1)}H${at + 0.9}V${half}Z`;
    });
    return path;
  };
  return { up: side(up, 1), down: side(down, -1) };
}
