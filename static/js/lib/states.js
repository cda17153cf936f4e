// @ts-check
/** The states of a service: their words, and what may be asked of it in each. */

/** @import { State, Service } from "../types.js" */

/** @type {Record<State, string>} */
export const STATE_WORDS = {
  stopped: "stopped",
  starting: "starting",
  running: "running",
  suspended: "suspended",
  draining: "draining",
  stopping: "stopping",
  backoff: "retrying",
  failed: "failed",
};

const RUNS = new Set(["starting", "running", "suspended", "backoff"]);
const ENDING = new Set(["draining", "stopping"]);

/** Whether it serves or is about to. @param {State} state */
export const isUp = (state) => RUNS.has(state);

/** @param {State} state */
export const canStart = (state) => state === "stopped" || state === "failed";

/** A draining one can be told to stop harder; a stopping one is at it. @param {State} state */
export const canStop = (state) => RUNS.has(state) || state === "draining";

/** @param {State} state */
export const canRestart = (state) => !ENDING.has(state) && state !== "starting";

/** @param {State} state */
export const canHandleOne = (state) => state === "stopped";

/** Most urgent first: what has failed stands above what runs. @param {State} state */
export const urgency = (state) =>
  state === "failed" ? 0 : state === "backoff" ? 1 : isUp(state) || ENDING.has(state) ? 2 : 3;

/** @type {Record<string, string>} */
const CLASS_OF = {
  tcp: "TCPServer",
  udp: "UDPServer",
  unix: "UnixStreamServer",
  unixgram: "UnixDatagramServer",
};

/** @param {string} address */
export const schemeOf = (address) => address.slice(0, Math.max(0, address.indexOf("://")));

/** Whether messages, not a stream, go over it. @param {string} scheme */
export const isDatagram = (scheme) => scheme === "udp" || scheme === "unixgram";

/**
 * The classes of socketserver that a definition amounts to.
 * @param {Pick<Service, "address"|"concurrency"|"pool_size">} service
 */
export function serverClass(service) {
  const base = CLASS_OF[schemeOf(service.address)] ?? "BaseServer";
  if (service.concurrency === "threading") return `ThreadingMixIn, ${base}`;
  if (service.concurrency === "forking") return `ForkingMixIn, ${base}`;
  if (service.concurrency === "pool") return `${base}, pool of ${service.pool_size}`;
  return base;
}

/** @param {Pick<Service, "concurrency"|"pool_size">} service */
export const concurrencyWord = (service) =>
  service.concurrency === "pool" ? `pool of ${service.pool_size}` : service.concurrency;

/** The address to show: as bound where it is, else as asked for. @param {Service} service */
export const shownAddress = (service) => service.status.address ?? service.address;
