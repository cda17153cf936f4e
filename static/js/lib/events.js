// @ts-check
/** An event as one line: a glyph, a word, and pieces of text. Pure; what draws it is the tail. */

import { list, number, plural, size, span, words } from "./format.js";

/** @import { DeckEvent } from "../types.js" */

/**
 * @typedef {object} Line
 * @property {string} glyph  an icon's name
 * @property {string} tone  in, out, ok, bad, warn or nothing
 * @property {string} word  what happened
 * @property {boolean} [alarm]
 * @property {{text: string, dim?: boolean, mono?: boolean, untrusted?: boolean}[]} parts
 * @property {{base64: string, truncated: boolean}} [payload]
 */

/** The groups that a reader may leave out. */
export const GROUPS = /** @type {const} */ ({
  connections: "Connections",
  data: "Data",
  errors: "Errors",
  log: "Log",
  service: "Service",
});

/** @typedef {keyof typeof GROUPS} Group */

/** @param {DeckEvent} event @returns {Group|null} null: never left out */
export function groupOf(event) {
  switch (event.kind) {
    case "connection.data":
      return "data";
    case "connection.error":
      return "errors";
    case "connection.opened":
    case "connection.served":
    case "connection.closed":
    case "connection.rejected":
      return "connections";
    case "service.log":
      return "log";
    case "events.dropped":
      return null;
    default:
      return "service";
  }
}

/** A kind as one writes it in a filter: by its last word. @param {string} kind */
export const shortKind = (kind) => kind.slice(kind.lastIndexOf(".") + 1);

/** Reasons that are nobody's fault. */
const QUIET = new Set(["client_closed", "server_closed", "service_stopped", "flow_expired"]);
const FAULTS = new Set([
  "handler_error",
  "tls_error",
  "io_error",
  "child_signalled",
  "child_exited",
]);

/**
 * How a closed connection is marked: as usual, cut by somebody, or a fault.
 * @param {string|null} reason
 */
export const closeTone = (reason) =>
  !reason || QUIET.has(reason) ? "closed" : FAULTS.has(reason) ? "error" : "cut";

/** @param {DeckEvent} event @returns {Line} */
export function describe(event) {
  const data = event.data;
  switch (event.kind) {
    case "connection.opened":
      return {
        glyph: "opened",
        tone: "ok",
        word: "opened",
        parts: [{ text: data["peer"] ?? "unnamed peer", mono: true, untrusted: true }],
      };
    case "connection.served":
      return {
        glyph: "opened",
        tone: "ok",
        word: "served",
        parts: [
          { text: `after ${span(data["waited"] ?? 0)} in the queue`, dim: true },
          { text: data["thread"] ?? "", mono: true, untrusted: true },
        ],
      };
    case "connection.data": {
      const parts = [{ text: size(data["length"] ?? 0), dim: true }];
      if (data["count"] > 1)
        parts.push({ text: `${number(data["count"])} messages folded`, dim: true });
      const incoming = data["direction"] === "in";
      /** @type {Line} */
      const line = {
        glyph: incoming ? "in" : "out",
        tone: incoming ? "in" : "out",
        word: incoming ? "data in" : "data out",
        parts,
      };
      if (typeof data["data"] === "string")
        line.payload = {
          base64: data["data"],
          truncated: Boolean(data["truncated"]) || data["count"] > 1,
        };
      return line;
    }
    case "connection.closed": {
      const tone = closeTone(data["reason"]);
      return {
        glyph: "closed",
        tone: tone === "error" ? "bad" : tone === "cut" ? "warn" : "",
        word: "closed",
        parts: [
          { text: words(data["reason"]) },
          { text: `after ${span(data["duration"] ?? 0)}`, dim: true },
          {
            text: `${size(data["bytes"]?.in ?? 0)} in, ${size(data["bytes"]?.out ?? 0)} out`,
            dim: true,
          },
        ],
      };
    }
    case "connection.rejected":
      return {
        glyph: "denied",
        tone: "warn",
        word: "rejected",
        parts: [
          { text: data["peer"] ?? "", mono: true, untrusted: true },
          { text: words(data["reason"]) },
        ],
      };
    case "connection.error":
      return {
        glyph: "warn",
        tone: "bad",
        word: "error",
        alarm: true,
        parts: [{ text: errorText(data), untrusted: true }],
      };
    case "service.log":
      return {
        glyph: "text",
        tone: data["stream"] === "stderr" ? "warn" : "",
        word: data["stream"] === "stderr" ? "log, stderr" : "log",
        parts: [
          { text: String(data["text"] ?? "").replace(/\n$/, ""), mono: true, untrusted: true },
        ],
      };
    case "service.state":
      return stateLine(data);
    case "events.dropped":
      return {
        glyph: "gap",
        tone: "warn",
        word: "dropped",
        parts: [
          {
            text:
              data["count"] === null || data["count"] === undefined
                ? "An unknown number of events"
                : plural(data["count"], "event"),
          },
          {
            // The live link leaves out what nobody could read; those events are kept. All else is lost.
            text:
              data["source"] === "live"
                ? "not shown here: more than a page can follow"
                : `lost here${data["source"] ? `, by ${data["source"]}` : ""}`,
          },
          { text: `seq ${data["from_seq"] ?? "?"} to ${data["to_seq"] ?? event.seq}`, dim: true },
        ],
      };
    case "service.updated":
      return {
        glyph: "info",
        tone: "",
        word: "updated",
        parts: [{ text: list((data["changed"] ?? []).map(words)) }],
      };
    case "service.created":
      return {
        glyph: "info",
        tone: "",
        word: "created",
        parts: [{ text: data["definition"]?.address ?? "", mono: true, dim: true }],
      };
    default:
      return {
        glyph: "info",
        tone: "",
        word: words(event.kind.replace(/^service\./, "").replace(".", " ")),
        parts: [{ text: summary(data), dim: true, untrusted: true }],
      };
  }
}

/** @param {Record<string, any>} data @returns {Line} */
function stateLine(data) {
  const state = String(data["state"] ?? "");
  /** @type {Line["parts"]} */
  const parts = [{ text: words(state) }];
  if (data["error"]) parts.push({ text: errorText(data["error"]), untrusted: true });
  else if (data["why"]) parts.push({ text: words(data["why"]), dim: true });
  const bad = state === "failed";
  return {
    glyph: "power",
    tone: bad ? "bad" : state === "running" ? "ok" : "",
    word: "state",
    alarm: bad,
    parts,
  };
}

/** @param {{type?: string, message?: string}|null|undefined} failure */
export function errorText(failure) {
  return [failure?.type, failure?.message].filter(Boolean).join(": ");
}

/** What an event of an unknown kind says, in short. @param {Record<string, any>} data */
function summary(data) {
  return Object.entries(data)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(
      ([key, value]) =>
        `${words(key)} ${typeof value === "object" ? JSON.stringify(value) : String(value)}`,
    )
    .join(", ")
    .slice(0, 400);
}
