// @ts-check
/**
 * The lanes' model: each connection a bar from open to close, in the first lane that was free, with
 * its data as ticks. Bounded in bars and in ticks; what left the longest view is forgotten. Pure.
 */

import { closeTone } from "./events.js";

/** @import { Connection, DeckEvent } from "../types.js" */

export const LONGEST_VIEW_SECONDS = 120;
const BARS = 2_000;
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
   * Those that are open already; known ones stay as they are.
   * @param {Connection[]} connections newest first
   */
  load(connections) {
    for (const connection of [...connections].reverse()) {
      if (this.bars.has(connection.id)) continue;
      const bar = this.#open(
        connection.id,
        connection.peer,
        Date.parse(connection.opened_at) / 1000,
      );
      bar.bytesIn = connection.bytes.in;
      bar.bytesOut = connection.bytes.out;
    }
  }

  /** @param {DeckEvent} event */
  apply(event) {
    const id = event.connection;
    if (id === null) return;
    const at = Date.parse(event.time) / 1000;
    const data = event.data;
    if (event.kind === "connection.opened") {
      if (!this.bars.has(id)) this.#open(id, data["peer"] ?? null, at);
      return;
    }
    const bar = this.bars.get(id);
    if (!bar) return;
    this.changes += 1;
    if (event.kind === "connection.data") {
      const out = data["direction"] === "out";
      const length = data["length"] ?? 0;
      bar.times.push(at);
      bar.sizes.push(out ? -length : length);
      if (bar.times.length > TICKS * 2) {
        bar.times.splice(0, TICKS);
        bar.sizes.splice(0, TICKS);
      }
      if (out) bar.bytesOut += length;
      else bar.bytesIn += length;
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

  /** Forget what is out of every view. @param {number} now seconds */
  trim(now) {
    const horizon = now - LONGEST_VIEW_SECONDS;
    for (const [id, bar] of this.bars)
      if (bar.closed < horizon || this.bars.size > BARS) this.bars.delete(id);
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

  /** @param {number} id @param {string|null} peer @param {number} at @returns {Bar} */
  #open(id, peer, at) {
    let lane = this.free.findIndex((free) => free <= at);
    if (lane < 0) lane = this.free.length;
    this.free[lane] = Number.POSITIVE_INFINITY;
    /** @type {Bar} */
    const bar = {
      id,
      lane,
      peer: peer ?? "unnamed",
      opened: at,
      closed: Number.POSITIVE_INFINITY,
      reason: null,
      tone: "closed",
      failed: false,
      bytesIn: 0,
      bytesOut: 0,
      times: [],
      sizes: [],
    };
    this.bars.set(id, bar);
    this.changes += 1;
    return bar;
  }
}

/**
 * How high a tick stands: by the logarithm of its bytes, so that 1 and 64 K both show.
 * @param {number} bytes
 * @param {number} most
 */
export const tickHeight = (bytes, most) =>
  Math.min(most, 1.5 + Math.log10(1 + Math.abs(bytes)) * (most - 1.5) * 0.22);
