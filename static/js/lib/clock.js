// @ts-check
/** The one clock of a page: it ticks once a second, and all that ages on the page ages with it. */

import { signal } from "@preact/signals";
import { boot } from "./boot.js";

/** When the page's first byte came, by the reader's clock, in seconds: `boot.now` is of then. */
function arrivedAt() {
  const [load] = /** @type {any[]} */ (performance.getEntriesByType?.("navigation") ?? []);
  return load?.responseStart
    ? (performance.timeOrigin + load.responseStart) / 1000
    : Date.now() / 1000;
}

/** Server time less the reader's, so that ages are right where the reader's clock is not. */
export let skew = typeof boot.now === "number" ? boot.now - arrivedAt() : 0;

/**
 * The server told of something at this moment: no clock of ours may say that it is yet to come.
 * @param {number} seconds since the epoch
 */
export function hear(seconds) {
  const ahead = seconds - serverNow();
  if (ahead > 0) skew += ahead;
}

/** Seconds since the epoch, by the server's clock, at this moment. */
export const serverNow = () => Date.now() / 1000 + skew;

/** The same, as of the last tick. */
export const now = signal(serverNow());

/** @type {Set<(now: number) => void>} */
const listeners = new Set();

/** Call `listener` at each tick; the answer ends it. @param {(now: number) => void} listener */
export function onTick(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function tick() {
  now.value = serverNow();
  for (const listener of listeners) listener(now.value);
  setTimeout(tick, 1000 - (Date.now() % 1000));
}
setTimeout(tick, 1000 - (Date.now() % 1000));

/**
 * Seconds since a moment of the contract, as of the last tick.
 * @param {string|null|undefined} when
 */
export const age = (when) => (when ? Math.max(0, now.value - Date.parse(when) / 1000) : Number.NaN);
