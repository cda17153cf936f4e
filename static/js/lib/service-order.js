// @ts-check
/** Which services are shown, and in which order. Pure. */

import { isUp, shownAddress, urgency } from "./states.js";

/** @import { Service, State } from "../types.js" */
/** @import { DeckMeters } from "./meters.js" */

/** @typedef {"state"|"name"|"address"|"open"|"flow"|"errors"|"up"} Key */
/** @typedef {"all"|"up"|"stopped"|"failed"} Filter */

/** @type {Record<Filter, (state: State) => boolean>} */
export const FILTERS = {
  all: () => true,
  up: (state) => state !== "stopped" && state !== "failed" && state !== "backoff",
  stopped: (state) => state === "stopped",
  failed: (state) => state === "failed" || state === "backoff",
};

/** @param {Service} service */
const upSince = (service) =>
  isUp(service.status.state) ? Date.parse(service.status.since) : Number.POSITIVE_INFINITY;

/** @param {DeckMeters} meters @returns {Record<Key, (a: Service, b: Service) => number>} */
export const orders = (meters) => {
  const flow = (/** @type {Service} */ service) => {
    const meter = meters.of(service.name);
    return (meter.of("in").mean(10) || 0) + (meter.of("out").mean(10) || 0);
  };
  return {
    state: (a, b) => urgency(a.status.state) - urgency(b.status.state),
    name: (a, b) => (a.name < b.name ? -1 : 1),
    address: (a, b) => (shownAddress(a) < shownAddress(b) ? -1 : 1),
    open: (a, b) => a.status.connections.open - b.status.connections.open,
    flow: (a, b) => flow(a) - flow(b),
    errors: (a, b) => a.status.errors - b.status.errors,
    up: (a, b) => upSince(b) - upSince(a),
  };
};

/**
 * Whether a service has a text in what one would look for it by.
 * @param {Service} service
 * @param {string} text in lower case
 */
export function matches(service, text) {
  const labels = Object.entries(service.labels).flat();
  return [
    service.name,
    shownAddress(service),
    service.handler ?? "",
    service.description,
    ...labels,
  ]
    .join(" ")
    .toLowerCase()
    .includes(text);
}
