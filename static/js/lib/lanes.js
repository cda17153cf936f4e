// @ts-check
/**
 * The lanes' model. Each connection is a bar: from when it was opened it may wait, hollow, in a row of
 * its own, until a thread or child has it; then it is in the first lane that was free, until it closes.
 * So who is served one after the other is in one lane, a pool has as many as it has threads, and those
 * that overlap lie under each other. Bounded in lanes, bars and ticks: who comes while every lane is
 * taken gets no bar, and of those that closed the oldest are forgotten. Pure.
 */

import { BacklogHistory } from "./lane-backlog.js";
import { Ticks } from "./lane-ticks.js";

/** @import { Connection, DeckEvent, Status } from "../types.js" */

/** More than a screen has room for. */
export const LANES = 500;
export const BARS = 4_000;
/** Forgotten together, as looking for them takes as long however many there are. */
const FORGOTTEN_AT_ONCE = 256;

/** Times come to the millisecond: one that leaves and one that comes may seem to meet. */
const AT_ONCE_SECONDS = 0.002;

/**
 * @typedef {object} Bar
 * @property {number} id
 * @property {string} peer
 * @property {number|null} pid  of the child that was forked for it
 * @property {string|null} thread
 * @property {number} opened  seconds since the epoch
 * @property {number} served  when a thread or child took it; Infinity while it waits
 * @property {number} closed  Infinity while it is open
 * @property {number} lane  in which it is served; -1 where it was not, or not yet
 * @property {number} room  the row in which it waited; -1 where it did not
 * @property {string|null} reason
 * @property {End} end  how it closed
 * @property {boolean} failed  whether its handler raised
 * @property {number} bytesIn
 * @property {number} bytesOut
 * @property {Ticks} ticks
 * @property {number} place  among the open ones; -1 once it has closed
 * @property {string} [name]  as it was drawn, once it was
 */

/** @typedef {"clean"|"cut"|"reset"|"error"} End */

/**
 * Who draws a model, and is to draw more of it.
 * @typedef {object} Painter
 * @property {(bar: Bar, time: number, size: number) => void} ticked
 * @property {(bar: Bar) => void} closed
 * @property {() => void} rearranged  every bar may be elsewhere
 */

const BY_US = new Set(["killed", "idle_timeout", "max_lifetime", "service_stopped", "fault"]);
const CLEAN = new Set(["client_closed", "server_closed", "flow_expired", "panel_restarted"]);

/** How a reason is drawn. @param {string|null} reason @returns {End} */
export function endOf(reason) {
  if (!reason || CLEAN.has(reason)) return "clean";
  if (reason === "client_reset") return "reset";
  return BY_US.has(reason) ? "cut" : "error";
}

/** Rows, each taken until a moment. */
class Rows {
  constructor() {
    /** When each is free again. @type {number[]} */
    this.free = [];
  }

  /** The first that is free; -1: none is. @param {number} from @param {number} to seconds */
  take(from, to) {
    let row = this.free.findIndex((free) => free <= from + AT_ONCE_SECONDS);
    if (row < 0) row = this.free.length;
    if (row >= LANES) return -1;
    this.free[row] = to;
    return row;
  }

  /** @param {number} row @param {number} at */
  leave(row, at) {
    if (this.free[row] === Number.POSITIVE_INFINITY) this.free[row] = at;
  }
}

export class LaneModel {
  constructor() {
    /** In the order in which they were told of. @type {Map<number, Bar>} */
    this.bars = new Map();
    /** Those that are open, in no order. @type {Bar[]} */
    this.open = [];
    this.backlog = new BacklogHistory();
    /** From when on it knows all that there is room for. */
    this.knownFrom = 0;
    /** @type {Painter|null} */
    this.painter = null;
    /** Grows with each change but data. */
    this.changes = 0;
    this.lanes = new Rows();
    this.rooms = new Rows();
  }

  /**
   * Those that are open already, or were of late; known ones stay as they are, but for their ends. Where
   * there is any that was not known, all get their lanes anew, in the order in which they came.
   * @param {Connection[]} connections
   */
  load(connections) {
    for (const { id, closed_at, close_reason } of connections) {
      const bar = this.bars.get(id);
      if (bar && closed_at) this.#close(bar, Date.parse(closed_at) / 1000, close_reason);
    }
    const loaded = connections.filter((one) => !this.bars.has(one.id)).map(barOf);
    if (loaded.length === 0) return;
    const bars = [...this.bars.values(), ...loaded].sort((a, b) => a.opened - b.opened);
    this.bars.clear();
    this.open = [];
    this.lanes = new Rows();
    this.rooms = new Rows();
    for (const bar of bars) if (bar.served > bar.opened) this.#seat(bar);
    const served = bars.filter((bar) => bar.served !== Number.POSITIVE_INFINITY);
    for (const bar of served.sort((a, b) => a.served - b.served)) this.#serve(bar, bar.served);
    for (const bar of bars) if (bar.lane >= 0 || bar.room >= 0) this.#keep(bar);
    this.#forget();
    this.painter?.rearranged();
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
      ticks.sizes.push(bytesOf(event));
      past.set(bar, ticks);
    }
    for (const [bar, { times, sizes }] of past) bar.ticks.prepend(times, sizes);
    this.painter?.rearranged();
  }

  /** @param {DeckEvent} event */
  apply(event) {
    const id = event.connection;
    if (id === null) return;
    const at = Date.parse(event.time) / 1000;
    const data = event.data;
    if (event.kind === "connection.opened") {
      if (!this.bars.has(id)) this.#open(blank(id, at, data), data["waiting"] === true);
      return;
    }
    const bar = this.bars.get(id);
    if (!bar) return;
    if (event.kind === "connection.data") {
      const size = bytesOf(event);
      bar.ticks.push(at, size);
      if (size < 0) bar.bytesOut -= size;
      else bar.bytesIn += size;
      this.painter?.ticked(bar, at, size);
    } else if (event.kind === "connection.served") {
      if (bar.served === Number.POSITIVE_INFINITY) {
        bar.thread = data["thread"] ?? null;
        this.#serve(bar, at);
      }
    } else if (event.kind === "connection.error") {
      bar.failed = true;
      this.changes += 1;
    } else if (event.kind === "connection.closed") {
      this.#close(bar, at, data["reason"] ?? null);
    }
  }

  /** What a status tells of the backlog. @param {Status} status @param {number} now seconds */
  observe({ connections }, now) {
    if (this.backlog.push(now, connections.waiting.backlog ?? 0)) this.changes += 1;
  }

  /**
   * Those that the server no longer lists as open have ended, nobody knows how; what came after
   * `newest` it may not know yet.
   * @param {Set<number>} open ids
   * @param {number} newest the highest id when the list was asked for
   * @param {number} at when they are known to have ended, in seconds
   */
  keepOpen(open, newest, at) {
    for (const bar of [...this.open])
      if (bar.id <= newest && !open.has(bar.id)) this.#close(bar, at, null);
  }

  /** @param {Bar} bar @param {boolean} waits */
  #open(bar, waits) {
    if (waits) {
      bar.served = Number.POSITIVE_INFINITY;
      this.#seat(bar);
    } else this.#serve(bar, bar.opened);
    if (bar.lane >= 0 || bar.room >= 0) this.#keep(bar);
    this.#forget();
  }

  /** It waits. @param {Bar} bar */
  #seat(bar) {
    bar.room = this.rooms.take(bar.opened, Math.min(bar.served, bar.closed));
    this.changes += 1;
  }

  /** A thread or child takes it. @param {Bar} bar @param {number} at seconds */
  #serve(bar, at) {
    bar.served = at;
    if (bar.room >= 0) this.rooms.leave(bar.room, at);
    bar.lane = this.lanes.take(at, bar.closed);
    this.changes += 1;
  }

  /** @param {Bar} bar */
  #keep(bar) {
    this.bars.set(bar.id, bar);
    if (bar.closed === Number.POSITIVE_INFINITY) bar.place = this.open.push(bar) - 1;
  }

  /** @param {Bar} bar @param {number} at @param {string|null} reason */
  #close(bar, at, reason) {
    if (bar.place < 0) return;
    bar.closed = at;
    bar.reason = reason;
    bar.end = endOf(reason);
    if (bar.lane >= 0) this.lanes.leave(bar.lane, at);
    else this.rooms.leave(bar.room, at);
    const last = /** @type {Bar} */ (this.open.pop());
    if (last !== bar) {
      this.open[bar.place] = last;
      last.place = bar.place;
    }
    bar.place = -1;
    this.changes += 1;
    this.painter?.closed(bar);
  }

  /** Of too many bars the oldest that closed. */
  #forget() {
    if (this.bars.size - this.open.length < BARS + FORGOTTEN_AT_ONCE) return;
    let left = this.bars.size - this.open.length - BARS;
    for (const [id, bar] of this.bars) {
      if (left <= 0) break;
      if (bar.place >= 0) continue;
      this.bars.delete(id);
      this.knownFrom = Math.max(this.knownFrom, bar.closed);
      left -= 1;
    }
  }
}

/** @param {number} id @param {number} opened @param {Record<string, any>} data @returns {Bar} */
const blank = (id, opened, data) => ({
  id,
  peer: data["peer"] ?? "unnamed",
  pid: data["pid"] ?? null,
  thread: null,
  opened,
  served: opened,
  closed: Number.POSITIVE_INFINITY,
  lane: -1,
  room: -1,
  reason: null,
  end: "clean",
  failed: false,
  bytesIn: 0,
  bytesOut: 0,
  ticks: new Ticks(),
  place: -1,
});

/** @param {Connection} connection @returns {Bar} */
function barOf({ id, peer, opened_at, closed_at, close_reason, error, bytes, waited, thread, pid }) {
  const bar = blank(id, Date.parse(opened_at) / 1000, { peer, pid });
  bar.thread = thread ?? null;
  if (closed_at) {
    bar.closed = Date.parse(closed_at) / 1000;
    bar.reason = close_reason;
    bar.end = endOf(close_reason);
  }
  // One that waits, or did all its life, has no thread.
  if (typeof waited === "number")
    bar.served = thread ? bar.opened + waited : Number.POSITIVE_INFINITY;
  bar.failed = Boolean(error);
  bar.bytesIn = bytes.in;
  bar.bytesOut = bytes.out;
  return bar;
}

/** Bytes of a data event, negative where they went out. @param {DeckEvent} event */
function bytesOf({ data }) {
  const length = data["length"] ?? 0;
  return data["direction"] === "out" ? -length : length;
}
