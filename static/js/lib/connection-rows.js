// @ts-check
/** A connection as a table shows it: the view that REST gave, kept up to date by events. Pure. */

/** @import { Connection, DeckEvent } from "../types.js" */

/**
 * @typedef {Connection & {
 *   last: {direction: string, base64: string|null, length: number, truncated: boolean}|null,
 *   fresh: boolean,
 *   counted: string,
 * }} Row  `counted`: up to when the server has counted what stands in it
 */

/**
 * A row of what the server says; it stands over what events made, except that none is opened again.
 * @param {Connection} said
 * @param {Row|undefined} known
 * @param {Row["last"]} [last] its last bytes, where they are known
 * @param {boolean} [fresh] whether it has just come
 * @returns {Row}
 */
export function rowOf(said, known, last = null, fresh = false) {
  if (known?.state === "closed" && said.state === "open") return known;
  return { ...said, last: last ?? known?.last ?? null, fresh, counted: said.last_activity };
}

/**
 * The row after an event of its connection; the same one where that changes nothing.
 * @param {Row} row
 * @param {DeckEvent} event
 * @returns {Row}
 */
export function after(row, event) {
  const data = event.data;
  switch (event.kind) {
    case "connection.data":
      return withData(row, event);
    case "connection.closed":
      return {
        ...row,
        state: "closed",
        closed_at: event.time,
        close_reason: data["reason"] ?? null,
        duration: data["duration"] ?? row.duration,
        idle: null,
        ...(data["bytes"] ? { bytes: data["bytes"] } : {}),
        ...(data["messages"] ? { messages: data["messages"] } : {}),
      };
    case "connection.error":
      return {
        ...row,
        error: {
          type: data["type"] ?? "",
          message: data["message"] ?? "",
          traceback: data["traceback"] ?? null,
        },
      };
    case "connection.served":
      return { ...row, thread: data["thread"] ?? row.thread, pid: data["pid"] ?? row.pid };
    default:
      return row;
  }
}

/** @param {Row} row @param {DeckEvent} event @returns {Row} */
function withData(row, event) {
  const last = lastOf(event);
  // The server has counted what came before it was asked, whether its event was here or not.
  if (event.time <= row.counted) return { ...row, last };
  const direction = last.direction;
  return {
    ...row,
    last,
    last_activity: event.time,
    bytes: { ...row.bytes, [direction]: row.bytes[direction] + last.length },
    messages: {
      ...row.messages,
      [direction]: row.messages[direction] + (event.data["count"] ?? 1),
    },
  };
}

/** The last bytes, as an event of data tells them. @param {DeckEvent} event */
export function lastOf({ data }) {
  return {
    direction: /** @type {"in"|"out"} */ (data["direction"] === "in" ? "in" : "out"),
    length: data["length"] ?? 0,
    base64: data["data"] ?? null,
    truncated: Boolean(data["truncated"]),
  };
}
