// @ts-check
/**
 * The connections of one service, kept up to date by their events.
 *
 * The list as the server gave it is the start; each event then changes its row in place, so nothing is
 * asked for again while events tell all. Bounded: beyond `capacity` the oldest closed row goes first,
 * then the oldest row.
 */

/** @import { Connection, DeckEvent } from "../types.js" */

/**
 * @typedef {Connection & {
 *   last: {direction: string, base64: string|null, length: number, truncated: boolean}|null,
 *   fresh: boolean,
 * }} Row
 */

/** @typedef {"id"|"peer"|"age"|"idle"|"in"|"out"|"state"} SortKey */

export class ConnectionBook {
  /**
   * @param {string} transport of the service, which an event does not say
   * @param {number} [capacity]
   */
  constructor(transport, capacity = 12_000) {
    this.transport = transport;
    this.capacity = capacity;
    /** @type {Map<number, Row>} */
    this.rows = new Map();
    this.open = 0;
    /** The highest id there ever was. */
    this.newest = 0;
  }

  /** Rows from the server; they stand over what events made. @param {Connection[]} connections */
  load(connections) {
    for (const connection of connections) {
      const known = this.rows.get(connection.id);
      // A list answered late must not reopen what an event has closed since.
      if (known?.state === "closed" && connection.state === "open") continue;
      this.#put({ ...connection, last: known?.last ?? null, fresh: false });
    }
  }

  /**
   * Those that the server no longer lists as open are gone; what came after `newest` it may not know
   * yet.
   * @param {Set<number>} open ids
   * @param {number} newest the highest id when the list was asked for
   */
  keepOpen(open, newest) {
    for (const row of [...this.rows.values()]) {
      if (row.state === "open" && row.id <= newest && !open.has(row.id)) this.#drop(row);
    }
  }

  /** @param {DeckEvent} event @returns {boolean} whether a row changed */
  apply(event) {
    const id = event.connection;
    if (id === null || !event.kind.startsWith("connection.")) return false;
    const data = event.data;
    if (event.kind === "connection.opened") {
      if (!this.rows.has(id)) this.#put({ ...blank(event, this.transport), fresh: true });
      return true;
    }
    const row = this.rows.get(id);
    if (!row) {
      if (event.kind !== "connection.closed") return false;
      this.#put({
        ...blank(event, this.transport),
        ...closing(event),
        opened_at: before(event.time, data["duration"] ?? 0),
      });
      return true;
    }
    if (event.kind === "connection.data") {
      const direction = data["direction"] === "in" ? "in" : "out";
      const length = data["length"] ?? 0;
      row.bytes = { ...row.bytes, [direction]: row.bytes[direction] + length };
      row.messages = {
        ...row.messages,
        [direction]: row.messages[direction] + (data["count"] ?? 1),
      };
      row.last_activity = event.time;
      row.last = lastOf(event);
      return true;
    }
    if (event.kind === "connection.closed") {
      this.#put({ ...row, ...closing(event), fresh: false });
      return true;
    }
    if (event.kind === "connection.error") {
      row.error = {
        type: data["type"] ?? "",
        message: data["message"] ?? "",
        traceback: data["traceback"] ?? null,
      };
      return true;
    }
    return false;
  }

  /**
   * How many of those that came after `id` a filter shows.
   * @param {number} id
   * @param {"open"|"closed"|"all"} filter
   */
  cameSince(id, filter) {
    if (id >= this.newest) return 0;
    let count = 0;
    for (const row of this.rows.values())
      if (row.id > id && (filter === "all" || row.state === filter)) count += 1;
    return count;
  }

  /**
   * Only what an event of the past says of last bytes: its counts are in the list already.
   * @param {DeckEvent} event
   */
  note(event) {
    const row =
      event.kind === "connection.data" && event.connection !== null
        ? this.rows.get(event.connection)
        : undefined;
    if (row) row.last = lastOf(event);
  }

  /**
   * The rows to show, in order.
   * @param {"open"|"closed"|"all"} filter
   * @param {SortKey} key
   * @param {boolean} descending
   * @param {string} [text] part of a peer or an id
   */
  list(filter, key, descending, text = "") {
    const wanted = text.trim().toLowerCase();
    const found = [];
    for (const row of this.rows.values()) {
      if (filter !== "all" && row.state !== filter) continue;
      if (
        wanted &&
        !`${row.id} ${row.peer ?? ""} ${row.close_reason ?? ""}`.toLowerCase().includes(wanted)
      )
        continue;
      found.push(row);
    }
    const by = ORDER[key];
    const sign = descending ? -1 : 1;
    return found.sort((a, b) => sign * by(a, b) || b.id - a.id);
  }

  /** @param {Row} row */
  #put(row) {
    const known = this.rows.get(row.id);
    if (known?.state === "open") this.open -= 1;
    if (row.state === "open") this.open += 1;
    this.rows.set(row.id, row);
    this.newest = Math.max(this.newest, row.id);
    if (this.rows.size > this.capacity) this.#evict();
  }

  /** @param {Row} row */
  #drop(row) {
    if (this.rows.delete(row.id) && row.state === "open") this.open -= 1;
  }

  #evict() {
    let first = null;
    for (const row of this.rows.values()) {
      first ??= row;
      if (row.state === "closed") {
        this.#drop(row);
        return;
      }
    }
    if (first) this.#drop(first);
  }
}

/** @type {Record<SortKey, (a: Row, b: Row) => number>} */
const ORDER = {
  id: (a, b) => a.id - b.id,
  peer: (a, b) => (a.peer ?? "").localeCompare(b.peer ?? "", "en", { numeric: true }),
  age: (a, b) => compare(b.opened_at, a.opened_at),
  idle: (a, b) => compare(b.last_activity, a.last_activity),
  in: (a, b) => a.bytes.in - b.bytes.in,
  out: (a, b) => a.bytes.out - b.bytes.out,
  state: (a, b) => compare(a.close_reason ?? "", b.close_reason ?? ""),
};

/** @param {string} a @param {string} b */
const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/** @param {DeckEvent} event @param {string} transport @returns {Row} */
function blank(event, transport) {
  return {
    id: /** @type {number} */ (event.connection),
    service: event.service ?? "",
    transport,
    state: "open",
    peer: event.data["peer"] ?? null,
    local: event.data["local"] ?? null,
    opened_at: event.time,
    closed_at: null,
    duration: 0,
    last_activity: event.time,
    idle: 0,
    bytes: { in: 0, out: 0 },
    messages: { in: 0, out: 0 },
    close_reason: null,
    error: null,
    last: null,
    fresh: false,
  };
}

/** @param {DeckEvent} event @returns {Partial<Row> & {state: "closed"}} */
function closing(event) {
  const data = event.data;
  return {
    state: "closed",
    closed_at: event.time,
    close_reason: data["reason"] ?? null,
    duration: data["duration"] ?? 0,
    idle: null,
    ...(data["bytes"] ? { bytes: data["bytes"] } : {}),
    ...(data["messages"] ? { messages: data["messages"] } : {}),
  };
}

/** @param {DeckEvent} event @returns {NonNullable<Row["last"]>} */
function lastOf({ data }) {
  return {
    direction: data["direction"] === "in" ? "in" : "out",
    length: data["length"] ?? 0,
    base64: data["data"] ?? null,
    truncated: Boolean(data["truncated"]),
  };
}

/** @param {string} time @param {number} seconds */
const before = (time, seconds) => new Date(Date.parse(time) - seconds * 1000).toISOString();
