// @ts-check
/** What the lanes say where they are not seen, and how a service's way of serving is named. Pure. */

import { duration, list, number, plural, size, span, words } from "./format.js";

/** @import { Service } from "../types.js" */
/** @import { Bar, LaneModel } from "./lanes.js" */
/** @import { LaneView } from "./lane-view.js" */

/** socketserver's own, `ForkingMixIn.max_children`. */
const MAX_CHILDREN = 40;

/**
 * As how many are served at once, in the words that stand beside the lanes.
 * @param {Service} service
 * @returns {{most: number, name: string, short: string}}
 */
export function boundOf({ concurrency, pool_size: size }) {
  switch (concurrency) {
    case "sync":
      return { most: 1, name: "1 at a time", short: "at a time" };
    case "pool": {
      const threads = `of ${plural(size, "thread")}`;
      return { most: size, name: threads, short: `of ${number(size)}` };
    }
    case "forking":
      return {
        most: MAX_CHILDREN,
        name: `of ${MAX_CHILDREN} children`,
        short: `of ${MAX_CHILDREN}`,
      };
    default:
      return { most: Number.POSITIVE_INFINITY, name: "a thread each", short: "threads" };
  }
}

/** How long a stretch is shown. @param {number} seconds */
export const stretch = (seconds) =>
  seconds < 120 ? `${+seconds.toFixed(1)} s` : `${+(seconds / 60).toFixed(1)} min`;

/** How a bar stands or ended. @param {Bar} bar @param {number} now seconds */
export function lifeOf(bar, now) {
  if (bar.place >= 0) {
    const since = duration(Math.max(0, now - bar.opened));
    return bar.served > now ? `waiting for ${since}` : `open for ${since}`;
  }
  return `${words(bar.reason) || "closed"} after ${span(bar.closed - bar.opened)}`;
}

/** How long it waited; nothing where it did not. @param {Bar} bar @param {number} now seconds */
export function waitOf(bar, now) {
  if (bar.served === bar.opened) return "";
  return span(Math.max(0, Math.min(bar.served, bar.closed, now) - bar.opened));
}

/** A bar in one sentence. @param {Bar} bar @param {number} now seconds */
export function barInWords(bar, now) {
  const waited = waitOf(bar, now);
  return list([
    `Connection ${bar.id} from ${bar.peer}`,
    lifeOf(bar, now),
    ...(waited ? [`waited ${waited}`] : []),
    `${size(bar.bytesIn)} in`,
    `${size(bar.bytesOut)} out`,
  ]);
}

/**
 * All that is essential of the picture.
 * @param {Service} service
 * @param {LaneModel} model
 * @param {number} now seconds
 * @param {LaneView} [view]
 */
export function inWords({ name, status, ...service }, model, now, view) {
  const { waiting, open } = status.connections;
  const from = now - (view?.seconds ?? 30);
  const ends = { clean: 0, cut: 0, reset: 0, error: 0 };
  for (const bar of model.bars.values())
    if (bar.place < 0 && bar.closed >= from) ends[bar.end] += 1;
  const closed = ends.clean + ends.cut + ends.reset + ends.error;
  const unusual = [
    ...(ends.error ? [`${number(ends.error)} by an error`] : []),
    ...(ends.reset ? [`${number(ends.reset)} reset`] : []),
    ...(ends.cut ? [`${number(ends.cut)} cut from here`] : []),
  ];
  const parts = [
    `${name}: ${plural(open, "open connection")}, served ${boundOf({ name, status, ...service }).name}`,
    ...(waiting.queue ? [`${number(waiting.queue)} in the queue`] : []),
    ...(waiting.backlog !== null ? [`${number(waiting.backlog)} in the kernel's backlog`] : []),
    `${number(closed)} closed in the last ${stretch(now - from)}${unusual.length ? `, ${list(unusual)}` : ""}`,
  ];
  return `${parts.join("; ")}. The tab Connections has them as a table. Arrow keys move in time and from bar to bar, plus and minus zoom, Enter opens, Home is now.`;
}
