// @ts-check
/**
 * What a reader of the events looks at: a filter, the kinds left in, and a moment or now. It stands
 * in the address bar, asks the server, and makes commands that ask the same. Every function is pure.
 */

import { quoted } from "./commands.js";
import { GROUPS } from "./events.js";
import { pieces } from "./filter-text.js";

/** @import { Group } from "./events.js" */

/**
 * @typedef {object} View
 * @property {string} filter  as the reader wrote it
 * @property {readonly Group[]} hidden  the groups of kinds left out
 * @property {string|null} at  RFC 3339; null: now, live
 */

/** The kinds of each group, as the filter language has them. */
const KINDS = /** @type {Record<Group, string>} */ ({
  connections: "opened,served,closed,rejected",
  data: "data",
  errors: "error",
  log: "log",
  service: "created,updated,deleted,state,fired,audit",
});

const ALL = /** @type {Group[]} */ (Object.keys(GROUPS));

/**
 * A query that people can read: what needs no escape in one has none (RFC 3986, 3.4).
 * @param {Record<string, string|number|null>} members
 */
function query(members) {
  const parts = Object.entries(members)
    .filter(([, value]) => value !== null && value !== "")
    .map(([key, value]) => {
      const escaped = encodeURIComponent(String(value));
      return `${key}=${escaped.replaceAll("%3A", ":").replaceAll("%2C", ",").replaceAll("%2F", "/")}`;
    });
  return parts.length ? `?${parts.join("&")}` : "";
}

/** @param {string} search the address's query @returns {View} */
export function readView(search) {
  const params = new URLSearchParams(search);
  const kinds = params.get("kinds");
  const left = kinds === null ? null : new Set(kinds.split(","));
  const at = params.get("at");
  return {
    filter: params.get("filter") ?? "",
    hidden: left === null ? [] : ALL.filter((group) => !left.has(group)),
    at: at !== null && !Number.isNaN(Date.parse(at)) ? at : null,
  };
}

/** The address of a view. @param {View} view */
export function pathOf(view) {
  const kinds = view.hidden.length
    ? ALL.filter((group) => !view.hidden.includes(group)).join(",") || "none"
    : null;
  return `/events${query({ filter: view.filter, kinds, at: view.at })}`;
}

/** The whole filter, for the server: the reader's, and the kinds. @param {View} view */
export function wholeFilter({ filter, hidden }) {
  const own = filter.trim();
  if (!hidden.length) return own;
  const kinds = `-kind:${hidden.map((group) => KINDS[group]).join(",")}`;
  const isEither = pieces(own).some((piece) => piece.is === "or");
  return [isEither ? `(${own})` : own, kinds].filter(Boolean).join(" ");
}

/**
 * Where what is shown can be had as a file.
 * @param {View} view
 * @param {"ndjson"|"csv"} format
 * @param {{after: number, before: number}|null} range seqs, both left out; null: all that match
 */
export const exportPath = (view, format, range) =>
  `/api/v1/events/export${query({ filter: wholeFilter(view), format, ...range })}`;

/**
 * A command that gets the same events: those that happen from now on, or those before a moment.
 * @param {View} view
 * @param {string} origin
 */
export function asCurl(view, origin) {
  const filter = wholeFilter(view);
  return [
    `curl -sS${view.at === null ? " -N" : ""} -G ${quoted(`${origin}/api/v1/events`)}`,
    `  -H "Authorization: Bearer $SOCKETDECK_TOKEN"`,
    ...(filter ? [`  --data-urlencode ${quoted(`filter=${filter}`)}`] : []),
    view.at === null ? "  -d follow=true" : `  --data-urlencode ${quoted(`at=${view.at}`)}`,
  ].join(" \\\n");
}

/**
 * The same on the panel's own command line, from the clone's folder.
 * @param {View} view
 * @param {string} origin
 */
export function asCommand(view, origin) {
  const filter = wholeFilter(view);
  const when = view.at === null ? "--follow" : `--at ${quoted(view.at)}`;
  const what = filter && ` ${quoted(filter)}`;
  return `.venv/bin/socketdeck --url ${quoted(origin)} events ${when}${what}`;
}
