// @ts-check
/** Messages as a conversation holds them, from what REST lists and from what the live link tells. */

import { decodeBase64 } from "../payload.js";

/** @import { DeckEvent } from "../../types.js" */

/**
 * @typedef {object} Message
 * @property {"message"} is
 * @property {number} seq
 * @property {string} time
 * @property {number} at  the same, in milliseconds since the epoch
 * @property {"in"|"out"} direction
 * @property {number} length  bytes, of which `bytes` may be the first
 * @property {Uint8Array|null} bytes  null: not captured
 * @property {boolean} truncated
 * @property {number} count  messages that this stands for
 * @property {boolean} injected  sent from here, not by the handler
 * @property {boolean} live  as a frame had it, which may hold less than was captured
 */

/**
 * Something that happened between messages: an error, what the handler printed, lost events.
 * @typedef {{is: "mark", seq: number, time: string, at: number, event: DeckEvent}} Mark
 */

/** @typedef {Message|Mark} Entry */

/** Of a payload, a frame carries so many bytes; what is longer has to be asked for. */
export const FRAME_BYTES = 1024;

/** @param {any} item of GET /connections/ID/messages @returns {Message} */
export const fromRest = (item) => message(item, item, false);

/** @param {DeckEvent} event @returns {Entry} */
export function fromEvent(event) {
  if (event.kind === "connection.data") return message(event, event.data, true);
  return { is: "mark", seq: event.seq, time: event.time, at: Date.parse(event.time), event };
}

/**
 * @param {{seq: number, time: string}} head
 * @param {Record<string, any>} data
 * @param {boolean} live
 * @returns {Message}
 */
function message({ seq, time }, data, live) {
  const bytes = typeof data["data"] === "string" ? decodeBase64(data["data"]) : null;
  return {
    is: "message",
    seq,
    time,
    at: Date.parse(time),
    direction: data["direction"] === "in" ? "in" : "out",
    length: data["length"] ?? 0,
    bytes,
    truncated: bytes !== null && bytes.length < (data["length"] ?? 0),
    count: data["count"] ?? 1,
    injected: Boolean(data["injected"]),
    live,
  };
}

/** Whether REST may have more of it than the frame had. @param {Message} one */
export const isCut = (one) =>
  one.live && one.bytes !== null && one.truncated && one.bytes.length >= FRAME_BYTES;

/** Bytes that an entry holds in memory, roughly. @param {Entry} entry */
export const weightOf = (entry) =>
  200 + (entry.is === "message" ? (entry.bytes?.length ?? 0) : 400);
