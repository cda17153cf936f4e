// @ts-check
/**
 * The lanes' model: each connection a bar from open to close, in the first lane that was free, with
 * its data as ticks. Bounded in lanes, bars and ticks: who comes while every lane is taken gets no bar,
 * and what left the longest view is forgotten. Pure.
 */

import { closeTone } from "./events.js";

/** @import { Connection, DeckEvent } from "../types.js" */

export const LONGEST_VIEW_SECONDS = 120;
/** More than a screen has room for. */
export const LANES = 500;
const BARS = 4_000;
const TICKS = 300;
/** Between two bars of one lane, so that they read as two. */
const GAP_SECONDS = 0.15;

/**
 * @typedef {object} Bar
 * @property {number} id
 * @property {number} lane
 * @property {string} peer
 * @property {number} opened  seconds since the epoch
 * @property {number} closed  Infinity while it is open
 * @property {string|null} reason
 * @property {"closed"|"cut"|"error"} tone
 * @property {boolean} failed  whether its handler raised
 * @property {number} bytesIn
 * @property {number} bytesOut
 * @property {number[]} times  of the ticks, seconds
 * @property {number[]} sizes  bytes, negative where they went out
 */

export class LaneModel {
  constructor() {
    /** @type {Map<number, Bar>} */
    this.bars = new Map();
    /** When each lane is free again. @type {number[]} */
    this.free = [];
    /** Grows with each change. */
    this.changes = 0;
  }

  /**
   * Those that are open already, or were of late; known ones stay as they are. Where there is any that
   * was not known, all get their lanes anew, in the order in which they came.
   * @param {Connection[]} connections
   */
  load(connections) {
    const loaded = connections.filter((one) => !this.bars.has(one.id)).map(barOf);
    if (loaded.length === 0) return;
    const bars = [...this.bars.values(), ...loaded].sort((a, b) => a.opened - b.opened);
    this.bars.clear();
    this.free = [];
    for (const bar of bars) this.#place(bar);
  }

  /**
   * Data and errors of the past: ticks only, as what was loaded has its sums already.
   * @param {DeckEvent[]} events oldest first, all from before the first that was applied
   */
  note(events) {
    /** @type {Map<Bar, {times: number[], sizes: number[]}>} */
    const past = new Map();
    for (const event of events) {
      const bar = event.connection === null ? undefined : this.bars.get(event.connection);
      if (!bar) continue;
      if (event.kind === "connection.error") bar.failed = true;
      if (event.kind !== "connection.data") continue;
      const ticks = past.get(bar) ?? { times: [], sizes: [] };
      ticks.times.push(Date.parse(event.time) / 1000);
      ticks.sizes.push(tickOf(event));
      past.set(bar, ticks);
    }
    for (const [bar, ticks] of past) {
      bar.times.unshift(...ticks.times);
      bar.sizes.unshift(...ticks.sizes);
    }
    this.changes += 1;
  }

  /** @param {DeckEvent} event */
  apply(event) {
    const id = event.connection;
    if (id === null) return;
    const at = Date.parse(event.time) / 1000;
    const data = event.data;
    if (event.kind === "connection.opened") {
      if (!this.bars.has(id)) this.#place(blank(id, data["peer"] ?? null, at));
      return;
    }
    const bar = this.bars.get(id);
    if (!bar) return;
    this.changes += 1;
    if (event.kind === "connection.data") {
      const tick = tickOf(event);
      bar.times.push(at);
      bar.sizes.push(tick);
      if (bar.times.length > TICKS * 2) {
        bar.times.splice(0, TICKS);
        bar.sizes.splice(0, TICKS);
      }
      if (tick < 0) bar.bytesOut -= tick;
      else bar.bytesIn += tick;
    } else if (event.kind === "connection.error") {
      bar.failed = true;
    } else if (event.kind === "connection.closed") {
      this.#close(bar, at, data["reason"] ?? null);
    }
  }

  /**
   * Those that the server no longer lists as open have ended, nobody knows how; what came after
   * `newest` it may not know yet.
   * @param {Set<number>} open ids
   * @param {number} newest the highest id when the list was asked for
   * @param {number} at when they are known to have ended, in seconds
   */
  keepOpen(open, newest, at) {
    for (const bar of this.bars.values()) {
      if (bar.closed === Number.POSITIVE_INFINITY && bar.id <= newest && !open.has(bar.id))
        this.#close(bar, at, null);
    }
  }

  /** Forget what is out of every view, and of too many the oldest that closed. @param {number} now seconds */
  trim(now) {
    const horizon = now - LONGEST_VIEW_SECONDS;
    for (const [id, bar] of this.bars) {
      const closed = bar.closed !== Number.POSITIVE_INFINITY;
      if (closed && (bar.closed < horizon || this.bars.size > BARS)) this.bars.delete(id);
    }
    while (this.free.length && /** @type {number} */ (this.free[this.free.length - 1]) < horizon)
      this.free.pop();
  }

  /** The bars of a stretch of time. @param {number} from @param {number} to seconds */
  within(from, to) {
    const found = [];
    for (const bar of this.bars.values())
      if (bar.closed >= from && bar.opened <= to) found.push(bar);
    return found;
  }

  /** @param {Bar} bar @param {number} at @param {string|null} reason */
  #close(bar, at, reason) {
    bar.closed = at;
    bar.reason = reason;
    bar.tone = closeTone(reason);
    if (this.free[bar.lane] === Number.POSITIVE_INFINITY) this.free[bar.lane] = at + GAP_SECONDS;
    this.changes += 1;
  }

  /** Give a bar the first lane that is free when it begins; none where all are taken. @param {Bar} bar */
  #place(bar) {
    let lane = this.free.findIndex((free) => free <= bar.opened);
    if (lane < 0) lane = this.free.length;
    if (lane >= LANES) return;
    bar.lane = lane;
    this.free[lane] = bar.closed + GAP_SECONDS;
    this.bars.set(bar.id, bar);
    this.changes += 1;
  }
}

/** @param {number} id @param {string|null} peer @param {number} opened @returns {Bar} */
const blank = (id, peer, opened) => ({
  id,
  lane: 0,
  peer: peer ?? "unnamed",
  opened,
  closed: Number.POSITIVE_INFINITY,
  reason: null,
  tone: "closed",
  failed: false,
  bytesIn: 0,
  bytesOut: 0,
  times: [],
  sizes: [],
});

/** @param {Connection} connection @returns {Bar} */
function barOf({ id, peer, opened_at, closed_at, close_reason, error, bytes }) {
  const bar = blank(id, peer, Date.parse(opened_at) / 1000);
  if (closed_at) {
    bar.closed = Date.parse(closed_at) / 1000;
    bar.reason = close_reason;
    bar.tone = closeTone(close_reason);
  }
  bar.failed = Boolean(error);
  bar.bytesIn = bytes.in;
  bar.bytesOut = bytes.out;
  return bar;
}

/** Bytes of a data event, negative where they went out. @param {DeckEvent} event */
function tickOf({ data }) {
  const length = data["length"] ?? 0;
  return data["direction"] === "out" ? -length : length;
}

/**
 * How high a tick stands: by the logarithm of its bytes, so that 1 and 64 K both show.
 * @param {number} bytes
 * @param {number} most
 */
export const tickHeight = (bytes, most) =>
  Math.min(most, 1.5 + Math.log10(1 + Math.abs(bytes)) * (most - 1.5) * 0.22);
