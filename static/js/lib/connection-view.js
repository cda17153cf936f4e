// @ts-check
/**
 * Which connections a table shows and in which order: the parameters of `GET /connections`, and of the
 * address bar, by the same names. What is wrong with a value is the server's to say. Pure.
 */

/**
 * Each as text, as it stands in an address; empty: not asked for.
 * @typedef {{state: string, service: string, peer: string, reason: string, q: string, sort: string}} View
 */

/** @type {View} What REST does where it is told nothing. */
export const DEFAULTS = { state: "open", service: "", peer: "", reason: "", q: "", sort: "-id" };

const NAMES = /** @type {(keyof View)[]} */ (Object.keys(DEFAULTS));

/** Keys that are worth seeing from the top down at first; the others from the bottom up. */
const UPWARDS = new Set(["idle", "rtt", "reason"]);

/** @type {Record<string, string>} How the keys are called in a list of them. */
export const SORT_WORDS = {
  id: "Id",
  opened_at: "Opened",
  closed_at: "Closed",
  duration: "Duration",
  last_activity: "Last activity",
  idle: "Idle",
  rtt: "Round trip",
  bytes_in: "Bytes in",
  bytes_out: "Bytes out",
  messages_in: "Messages in",
  messages_out: "Messages out",
  reason: "Reason",
};

/** @param {string} state the keys that have a meaning for it */
export function sortKeys(state) {
  return Object.keys(SORT_WORDS).filter((key) =>
    key === "idle" || key === "rtt"
      ? state === "open"
      : key === "closed_at" || key === "reason"
        ? state === "closed"
        : true,
  );
}

/** Why a connection may have been closed. */
export const REASONS = [
  "client_closed",
  "server_closed",
  "client_reset",
  "idle_timeout",
  "max_lifetime",
  "killed",
  "service_stopped",
  "handler_error",
  "tls_error",
  "io_error",
  "child_exited",
  "child_signalled",
  "flow_expired",
  "fault",
  "panel_restarted",
];

/**
 * What an address asks for; other parameters are none of ours.
 * @param {string} search `location.search`
 * @param {string|null} [service] the one whose page it is
 * @returns {View}
 */
export function readView(search, service = null) {
  const given = new URLSearchParams(search);
  const view = { ...DEFAULTS };
  for (const name of NAMES) view[name] = given.get(name) || DEFAULTS[name];
  return service === null ? view : { ...view, service };
}

/**
 * The query of an address that asks for this; what REST does anyway is left out.
 * @param {View} view
 * @param {string|null} [service] the one whose page it is
 */
export function writeView(view, service = null) {
  const parts = new URLSearchParams();
  for (const name of NAMES)
    if (view[name] !== DEFAULTS[name] && !(name === "service" && service !== null))
      parts.set(name, view[name]);
  // As people write them: nothing there that an address could not hold.
  const text = parts.toString().replaceAll("%2F", "/").replaceAll("%3A", ":");
  return text && `?${text}`;
}

/** @param {View} one @param {View} other */
export const sameView = (one, other) => NAMES.every((name) => one[name] === other[name]);

/** @param {View} view */
export const keyOf = (view) => view.sort.replace(/^-/, "");

/** @param {View} view */
export const isDown = (view) => view.sort.startsWith("-");

/** The same by another key, or the other way round where it is by that already. @param {View} view @param {string} key */
export function sortedBy(view, key) {
  const down = keyOf(view) === key ? !isDown(view) : !UPWARDS.has(key);
  return { ...view, sort: down ? `-${key}` : key };
}

/**
 * The same for another state, without what has no meaning there. Of closed ones the last that closed
 * comes first, unless another order was asked for.
 * @param {View} view
 * @param {string} state
 */
export function inState(view, state) {
  const next = { ...view, state };
  if (state === "open") next.reason = "";
  if (state === "closed" && view.sort === DEFAULTS.sort) next.sort = "-closed_at";
  else if (view.sort === "-closed_at" || !sortKeys(state).includes(keyOf(view)))
    next.sort = state === "closed" ? "-closed_at" : DEFAULTS.sort;
  return next;
}

/** Whether those that come stand on top. @param {View} view */
export const isNewestFirst = (view) => ["-id", "-opened_at", "-closed_at"].includes(view.sort);

/** Whether rows keep their order for as long as they are listed. @param {View} view */
export const isSteady = (view) =>
  view.state === "closed" || ["id", "opened_at"].includes(keyOf(view));

/** Whether anything is left out. @param {View} view @param {string|null} [service] */
export const isNarrowed = (view, service = null) =>
  Boolean(view.peer || view.reason || view.q || (view.service && service === null));
