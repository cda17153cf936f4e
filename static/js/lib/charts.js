// @ts-check
/**
 * The charts' model: what a service did over a window of time, a value a step in each of its lines.
 *
 * It is loaded from what the panel kept, and goes on by itself: at each tick it takes from the counters
 * of the newest status what has grown since the last one, so that a live chart asks for nothing. A value
 * that nobody knows is null, a gap in the line.
 *
 * A longer window has more steps than its chart has room for: so a few of them are shown as one, which
 * begins at a round time, as else each second would draw another line. Pure.
 */

/** @import { Status } from "../types.js" */

/** @typedef {"1m"|"15m"|"24h"} WindowName */

/**
 * @type {Record<WindowName, {
 *   step: number, length: number, shown: number, text: string, words: string, pace: string,
 * }>}  `shown`: seconds from one point of a line to the next
 */
export const WINDOWS = {
  "1m": { step: 1, length: 60, shown: 1, text: "1 min", words: "the last minute", pace: "1 s" },
  "15m": {
    ...{ step: 1, length: 900, shown: 10 },
    ...{ text: "15 min", words: "the last 15 minutes", pace: "10 s" },
  },
  "24h": {
    ...{ step: 60, length: 86_400, shown: 600 },
    ...{ text: "24 h", words: "the last 24 hours", pace: "10 min" },
  },
};

/** @typedef {"open"|"connections"|"bytes_in"|"bytes_out"|"errors"|"p50"|"p95"|"p99"} LineName */

/** @type {LineName[]} */
const LINES = ["open", "connections", "bytes_in", "bytes_out", "errors", "p50", "p95", "p99"];
/** How several values of a line are shown as one. @type {Record<LineName, (values: number[]) => number>} */
const AS_ONE = {
  open: (values) => Math.max(...values),
  connections: mean,
  bytes_in: mean,
  bytes_out: mean,
  errors: sum,
  p50: mean,
  p95: (values) => Math.max(...values),
  p99: (values) => Math.max(...values),
};
/** Those that grow from tick to tick, by what a status calls them. */
const COUNTED = /** @type {const} */ (["connections", "bytes_in", "bytes_out", "errors"]);
/** What has grown is not spread over more seconds than this: nobody knows how it was in them. */
const UNSEEN_SECONDS = 5;

/** @typedef {Record<typeof COUNTED[number], number>} Counts */

/**
 * @typedef {object} SeriesAnswer  what `GET /services/NAME/series` says
 * @property {number} step
 * @property {number} from
 * @property {number} to
 * @property {number|null} since
 * @property {number[]} times
 * @property {number[]} restarts
 * @property {Counts} totals  what was counted by the time `to`
 */

/** @param {Status} status @returns {Counts} */
export const countsOf = (status) => ({
  connections: status.connections.total,
  bytes_in: status.bytes.in,
  bytes_out: status.bytes.out,
  errors: status.errors,
});

export class ChartModel {
  /** @param {WindowName} window */
  constructor(window) {
    this.window = window;
    const { step, length } = WINDOWS[window];
    this.step = step;
    this.length = length;
    /** When each step begins, seconds since the epoch. @type {number[]} */
    this.times = [];
    /** @type {Record<LineName, (number|null)[]>} */
    this.lines = /** @type {any} */ (Object.fromEntries(LINES.map((name) => [name, []])));
    /** When the panel began to run again. @type {number[]} */
    this.restarts = [];
    /** When the service first ran; null: it never did, as far as is known. @type {number|null} */
    this.since = null;
    /** All before is known, or known to be unknown. */
    this.to = 0;
    this.loaded = false;
    /** What was counted when it was last looked. @type {Counts|null} */
    this.before = null;
    /** The status it was in. @type {Status|null} */
    this.looked = null;
    /** What has been counted in the step that is not over, and over how many seconds. */
    this.partial = { seconds: 0, counts: /** @type {Counts} */ (zero()) };
    /** What is drawn, made of the above. */
    this.shown = { times: this.times, lines: this.lines };
    /** The last minute that need not be asked for. */
    this.told = 0;
  }

  /** Whether there is anything to draw. */
  get isEmpty() {
    return this.since === null;
  }

  /**
   * Take what the panel kept. It replaces what is known of its time; what came since stays.
   * @param {SeriesAnswer & Partial<Record<LineName, (number|null)[]>>} answer
   * @param {Status|null} status what was known when it came, which may be of before
   */
  load(answer, status) {
    const kept = this.#slice((at) => at < answer.from);
    const later = this.#slice((at) => at >= answer.to && this.loaded);
    const told = {
      times: answer.times,
      lines: /** @type {any} */ (
        Object.fromEntries(LINES.map((name) => [name, answer[name] ?? []]))
      ),
    };
    const all = [kept, told, later];
    this.times = all.flatMap((part) => part.times);
    for (const name of LINES) this.lines[name] = all.flatMap((part) => part.lines[name]);
    const restarts = new Set([...this.restarts, ...answer.restarts]);
    this.restarts = [...restarts].sort((a, b) => a - b);
    this.since = answer.since;
    this.told = answer.times[answer.times.length - 2] ?? this.told;
    if (later.times.length === 0) {
      this.to = answer.to;
      this.before = answer.totals;
      this.looked = status;
      this.#resume();
    }
    this.loaded = true;
    this.#trim();
    this.#show();
  }

  /**
   * The seconds up to now are over. Without a status nobody knows what happened in them.
   * @param {number} now seconds since the epoch, by the panel's clock
   * @param {Status|null} status the newest
   * @returns {boolean} whether there is more to see
   */
  tick(now, status) {
    if (!this.loaded) return false;
    const end = Math.floor(now);
    const seconds = end - this.to;
    if (seconds <= 0) return false;
    const counts = status && countsOf(status);
    const { before } = this;
    // A service with something going on has another status every second: it is late, not the same.
    const isLate =
      status !== null && status === this.looked && (isLively(status) || isBehind(counts, before));
    if (isLate && seconds < UNSEEN_SECONDS) return false;
    this.looked = status;
    this.before = counts ?? before;
    if (status && status.generation > 0) this.since ??= this.to;
    const known =
      status !== null && before !== null && this.since !== null && seconds <= UNSEEN_SECONDS;
    const grown = /** @type {Counts} */ (zero());
    if (known && counts)
      for (const name of COUNTED)
        grown[name] = counts[name] >= before[name] ? counts[name] - before[name] : counts[name];
    if (seconds > this.length) this.#clear(end - this.length);
    for (let at = this.to; at < end; at += 1) {
      const isLast = at === end - 1;
      if (known) this.#second(at, grown, 1 / seconds, isLast, status.connections.open);
      else this.#unknown(at);
    }
    this.to = end;
    this.#trim();
    if (status) this.#note(status);
    this.#show();
    return true;
  }

  /**
   * A status tells how long requests took in the last second that is over.
   * @param {Status} status
   * @returns {boolean} whether that is news
   */
  note(status) {
    const isNews = this.#note(status);
    if (isNews) this.#show();
    return isNews;
  }

  /** @param {Status} status */
  #note(status) {
    const latest = status.handling.latest;
    if (!latest || this.step !== 1 || !this.loaded) return false;
    const at = this.times.length - (this.to - latest.second);
    if (at >= this.times.length || this.times[at] !== latest.second) return false;
    const isNews = this.lines.p99[at] !== latest.p99 || this.lines.p50[at] !== latest.p50;
    for (const name of /** @type {const} */ (["p50", "p95", "p99"]))
      this.lines[name][at] = latest[name];
    return isNews;
  }

  /**
   * The minute that is over and that the counters alone have told, which do not have its quantiles:
   * when it began, once; null where there is none, or nothing happened in it.
   */
  minuteToAsk() {
    const at = this.times.length - 2;
    const begun = this.times[at];
    if (this.step === 1 || begun === undefined || begun <= this.told) return null;
    this.told = begun;
    const { connections, bytes_in, bytes_out } = this.lines;
    return [connections, bytes_in, bytes_out].some((line) => (line[at] ?? 0) > 0) ? begun : null;
  }

  /** The newest value of a line that is known; null where none is. @param {LineName} name */
  last(name) {
    const line = this.lines[name];
    for (let at = line.length - 1; at >= 0; at -= 1) if (line[at] !== null) return line[at] ?? null;
    return null;
  }

  /** The largest value that is shown of a line, and when it was. @param {LineName} name */
  peak(name) {
    /** @type {{value: number, at: number}|null} */
    let peak = null;
    for (const [place, value] of this.shown.lines[name].entries())
      if (value !== null && (peak === null || value > peak.value))
        peak = { value, at: this.shown.times[place] ?? 0 };
    return peak;
  }

  /** The sum of a line. @param {LineName} name */
  sum(name) {
    return sum(this.lines[name].filter((value) => value !== null));
  }

  /** Make what is drawn. */
  #show() {
    const { shown } = WINDOWS[this.window];
    const begins = this.times.map((at) => at - (at % shown));
    const starts = begins.flatMap((at, place) => (at === begins[place - 1] ? [] : [place]));
    const join = (/** @type {LineName} */ name) =>
      starts.map((start, at) => {
        const values = this.lines[name].slice(start, starts[at + 1]);
        const known = values.filter((value) => value !== null);
        return known.length ? AS_ONE[name](known) : null;
      });
    this.shown = {
      times: starts.map((start) => /** @type {number} */ (begins[start])),
      lines: /** @type {Record<LineName, (number|null)[]>} */ (
        Object.fromEntries(LINES.map((name) => [name, join(name)]))
      ),
    };
  }

  /** @param {(at: number) => boolean} isWanted */
  #slice(isWanted) {
    const places = [...this.times.keys()].filter((place) =>
      isWanted(/** @type {number} */ (this.times[place])),
    );
    const pick = (/** @type {any[]} */ values) => places.map((place) => values[place]);
    return {
      times: /** @type {number[]} */ (pick(this.times)),
      lines: /** @type {Record<LineName, (number|null)[]>} */ (
        Object.fromEntries(LINES.map((name) => [name, pick(this.lines[name])]))
      ),
    };
  }

  /** Go on with the last step where it is not over. */
  #resume() {
    const place = this.times.length - 1;
    const begun = this.times[place] ?? this.to;
    const seconds = this.to - begun;
    this.partial = { seconds, counts: zero() };
    if (seconds <= 0 || seconds >= this.step) {
      this.partial.seconds = 0;
      return;
    }
    const { counts } = this.partial;
    for (const name of COUNTED) {
      const value = this.lines[name][place] ?? 0;
      counts[name] = name === "errors" ? value : value * seconds;
    }
  }

  /**
   * @param {number} at
   * @param {Counts} grown
   * @param {number} share of it; of errors, which are whole, the last second has all
   * @param {boolean} isLast
   * @param {number} open
   */
  #second(at, grown, share, isLast, open) {
    const place = this.#placeOf(at);
    const { partial } = this;
    partial.seconds += 1;
    for (const name of COUNTED) {
      partial.counts[name] += name === "errors" ? (isLast ? grown[name] : 0) : grown[name] * share;
      this.lines[name][place] =
        name === "errors" ? partial.counts[name] : partial.counts[name] / partial.seconds;
    }
    this.lines.open[place] = Math.max(open, this.lines.open[place] ?? 0);
  }

  /** @param {number} at */
  #unknown(at) {
    this.#placeOf(at);
    if (this.partial.seconds > 0) this.partial.seconds += 1;
  }

  /** The place of the step that a second is in, made where it is new. @param {number} at */
  #placeOf(at) {
    const begins = at - (at % this.step);
    if (this.times[this.times.length - 1] !== begins) {
      this.times.push(begins);
      for (const name of LINES) this.lines[name].push(null);
      this.partial = { seconds: 0, counts: zero() };
    }
    return this.times.length - 1;
  }

  #trim() {
    const first = this.to - this.length;
    let gone = 0;
    while (gone < this.times.length && /** @type {number} */ (this.times[gone]) < first) gone += 1;
    if (gone > 0) {
      this.times.splice(0, gone);
      for (const name of LINES) this.lines[name].splice(0, gone);
    }
    this.restarts = this.restarts.filter((at) => at >= first);
  }

  /** @param {number} to */
  #clear(to) {
    this.times = [];
    for (const name of LINES) this.lines[name] = [];
    this.to = to;
  }
}

/** @param {Counts|null} counts @param {Counts|null} before */
function isBehind(counts, before) {
  return counts !== null && before !== null && COUNTED.some((name) => counts[name] < before[name]);
}

/** @param {Status} status */
function isLively({ rates }) {
  const lately = rates["60s"];
  return lately !== undefined && Object.values(lately).some((rate) => rate > 0);
}

/** @param {number[]} values */
function sum(values) {
  return values.reduce((all, value) => all + value, 0);
}

/** @param {number[]} values */
function mean(values) {
  return sum(values) / values.length;
}

/** @returns {Counts} */
const zero = () => ({ connections: 0, bytes_in: 0, bytes_out: 0, errors: 0 });

/**
 * The least of 1, 2, 4, 6, 8 times a power of ten that is not below a value: its half is a round
 * number, too.
 * @param {number} value @param {number} floor
 */
export function niceTop(value, floor) {
  const wanted = Math.max(value, floor);
  const power = powerOfTen(Math.floor(Math.log10(wanted)));
  for (const times of [1, 2, 4, 6, 8])
    if (times * power >= wanted * (1 - 1e-9)) return times * power;
  return 10 * power;
}

/** Exactly: `10 ** -4` is a little less. @param {number} exponent */
export const powerOfTen = (exponent) => Number(`1e${exponent}`);

/**
 * The powers of ten around what is there, at least one apart.
 * @param {number|null|undefined} min @param {number|null|undefined} max
 * @returns {[number, number]}
 */
export function decades(min, max) {
  const low = Math.floor(Math.log10(min || 1e-4) + 1e-9);
  const high = Math.ceil(Math.log10(max || 1e-3) - 1e-9);
  return [powerOfTen(low), powerOfTen(Math.max(high, low + 1))];
}
