// @ts-check
/**
 * A definition between the form and the interface: what is typed, what is sent, what is the
 * default. Pure.
 */

import { quoted } from "./commands.js";
import { fieldsOf, json, numeric, optionsOf, rawOptions } from "./schema.js";

/** @import { Definition, Schema, FieldError } from "../types.js" */

/** What the contract says where nothing is said. */
export const DEFAULTS = Object.freeze({
  description: "",
  labels: {},
  concurrency: "threading",
  pool_size: 64,
  options: {},
  requests: null,
  host: "thread",
  affinity: true,
  autostart: true,
  restart: { policy: "on-failure", delay: 1, maximum_delay: 60, attempts: null },
  drain_timeout: 5,
  limits: { backlog: 4096, max_datagram: 65507 },
  capture: { level: "auto", bytes: 256 },
});

/** The levels of capture, the closest first, each with what is recorded at it. */
export const LEVELS = [
  { value: "auto", text: "auto: all of it while quiet or looked at, counts while hot" },
  { value: "payload", text: "payload: each message and its first bytes" },
  { value: "events", text: "events: each message, without its bytes" },
  { value: "counters", text: "counters: opened, closed, errors, and bytes by count" },
  { value: "off", text: "off: open connections are listed, nothing recorded" },
];

/** Fields that act on a running service once they are saved; the others wait for its next start. */
export const AT_ONCE = new Set([
  "description",
  "labels",
  "autostart",
  "restart",
  "drain_timeout",
  "capture",
]);

/**
 * What the form holds; numbers as they are typed.
 * @typedef {object} Form
 * @property {string} name
 * @property {string} description
 * @property {[string, string][]} labels
 * @property {string} handler
 * @property {boolean} own  whether the handler is a class of the reader's
 * @property {string} scheme
 * @property {string} hostname
 * @property {string} port
 * @property {string} path
 * @property {string} concurrency
 * @property {string} pool_size
 * @property {string} host
 * @property {boolean} affinity
 * @property {string} requests  empty: serve_forever
 * @property {Record<string, any>} options  as typed, by key, where the handler says which it has
 * @property {string} attributes  as typed, in JSON, where it does not
 * @property {boolean} autostart
 * @property {{policy: string, delay: string, maximum_delay: string, attempts: string}} restart
 * @property {string} drain_timeout
 * @property {{backlog: string, max_datagram: string}} limits
 * @property {{level: string, bytes: string}} capture
 */

/** @param {string} address */
export function addressParts(address) {
  const match = /^(\w+):\/\/(.*)$/.exec(address);
  const scheme = match?.[1] ?? "tcp";
  const rest = match?.[2] ?? "";
  if (scheme.startsWith("unix")) return { scheme, hostname: "127.0.0.1", port: "0", path: rest };
  const colon = rest.lastIndexOf(":");
  return {
    scheme,
    hostname: rest.slice(0, colon).replace(/^\[|\]$/g, ""),
    port: rest.slice(colon + 1),
    path: "",
  };
}

/** @param {Pick<Form, "scheme"|"hostname"|"port"|"path">} form */
export function addressOf({ scheme, hostname, port, path }) {
  if (scheme.startsWith("unix")) return `${scheme}://${path.trim()}`;
  const host = hostname.trim();
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port.trim() || "0"}`;
}

/**
 * The form of a definition, or of a new one.
 * @param {Partial<Definition>|null} definition
 * @param {Schema|null} [schema] of the handler's options
 * @returns {Form}
 */
export function formOf(definition, schema = null) {
  const known = { ...DEFAULTS, name: "", handler: "", address: "tcp://127.0.0.1:0", ...definition };
  const restart = { ...DEFAULTS.restart, ...known.restart };
  return {
    name: known.name,
    description: known.description,
    labels: Object.entries(known.labels),
    handler: known.handler ?? "",
    own: (known.handler ?? "").includes(":"),
    ...addressParts(known.address),
    concurrency: known.concurrency,
    pool_size: String(known.pool_size),
    host: known.host,
    affinity: known.affinity,
    requests: known.requests === null ? "" : String(known.requests),
    options: schema ? rawOptions(fieldsOf(schema), known.options) : { ...known.options },
    attributes: Object.keys(known.options).length ? JSON.stringify(known.options, null, 2) : "",
    autostart: known.autostart,
    restart: {
      policy: restart.policy,
      delay: String(restart.delay),
      maximum_delay: String(restart.maximum_delay),
      attempts: restart.attempts === null ? "" : String(restart.attempts),
    },
    drain_timeout: String(known.drain_timeout),
    limits: {
      backlog: String(known.limits.backlog),
      max_datagram: String(known.limits.max_datagram),
    },
    capture: { level: known.capture.level, bytes: String(known.capture.bytes) },
  };
}

/**
 * What a form says, as the interface takes it, complete. What a field cannot hold (letters where a
 * number belongs) is sent as it was typed: only the server says what is wrong, of all fields at once.
 * @param {Form} form
 * @param {Schema|null} schema of the handler's options, where it has one
 * @returns {Record<string, any>}
 */
export function definitionOf(form, schema) {
  return {
    name: form.name.trim(),
    description: form.description,
    labels: Object.fromEntries(
      form.labels.filter(([key]) => key.trim()).map(([key, value]) => [key.trim(), value]),
    ),
    address: addressOf(form),
    concurrency: form.concurrency,
    pool_size: numeric(form.pool_size),
    handler: form.handler.trim(),
    options: schema ? optionsOf(fieldsOf(schema), form.options) : (json(form.attributes) ?? {}),
    requests: numeric(form.requests),
    host: form.host,
    affinity: form.affinity,
    autostart: form.autostart,
    restart: {
      policy: form.restart.policy,
      delay: numeric(form.restart.delay),
      maximum_delay: numeric(form.restart.maximum_delay),
      attempts: numeric(form.restart.attempts),
    },
    drain_timeout: numeric(form.drain_timeout),
    limits: {
      backlog: numeric(form.limits.backlog),
      max_datagram: numeric(form.limits.max_datagram),
    },
    capture: { level: form.capture.level, bytes: numeric(form.capture.bytes) },
  };
}

/**
 * Only what differs from the defaults: what a person would write.
 * @param {Record<string, any>} definition
 */
export function terse(definition) {
  /** @type {Record<string, any>} */
  const out = {};
  for (const [key, value] of Object.entries(definition)) {
    const fallback = /** @type {Record<string, any>} */ (DEFAULTS)[key];
    if (
      fallback !== null &&
      typeof fallback === "object" &&
      value !== null &&
      typeof value === "object" &&
      Object.keys(fallback).length
    ) {
      const parts = Object.fromEntries(
        Object.entries(value).filter(([part, inner]) => inner !== fallback[part]),
      );
      if (Object.keys(parts).length) out[key] = parts;
    } else if (JSON.stringify(value) !== JSON.stringify(fallback)) out[key] = value;
  }
  if (out["concurrency"] !== "pool") delete out["pool_size"];
  return out;
}

/**
 * The command that does what the form's button does.
 * @param {Record<string, any>} definition
 * @param {string} origin
 * @param {string|null} [edits] the service it edits
 */
export function asCurl(definition, origin, edits = null) {
  const path = edits ? `/api/v1/services/${edits}` : "/api/v1/services?start=true";
  return [
    `curl -X ${edits ? "PUT" : "POST"} ${quoted(origin + path)}`,
    `  -H "Authorization: Bearer $SOCKETDECK_TOKEN"`,
    `  -H 'Content-Type: application/json'`,
    `  -d ${quoted(JSON.stringify(definition, null, 2))}`,
  ].join(" \\\n");
}

/**
 * A name for a new service: the handler's, or that with the next number.
 * @param {string} handler
 * @param {string[]} taken
 */
export function suggestName(handler, taken) {
  const last = handler.split(":").pop() ?? "";
  const base = last
    .replace(/Handler$/, "")
    .replace(/([a-z0-9])([A-Z])/g, "$1-$2")
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^-+|-+$/g, "");
  if (!base) return "";
  if (!taken.includes(base)) return base;
  for (let next = 2; ; next += 1) if (!taken.includes(`${base}-${next}`)) return `${base}-${next}`;
}

/**
 * What a refusal says is wrong, each with its place; what is about no field stands for the whole.
 * @param {{message: string, errors: FieldError[]}} refusal
 * @returns {FieldError[]}
 */
export const placed = ({ message, errors }) =>
  errors.length ? errors : [{ pointer: "", detail: message }];

/**
 * Errors by pointer, and those that no field of the form stands for.
 * @param {FieldError[]} errors
 * @param {Set<string>} known
 */
export function sortErrors(errors, known) {
  /** @type {Record<string, string>} */
  const at = {};
  /** @type {FieldError[]} */
  const elsewhere = [];
  for (const error of errors) {
    let pointer = error.pointer;
    while (pointer && !known.has(pointer)) pointer = pointer.slice(0, pointer.lastIndexOf("/"));
    if (pointer) at[pointer] = at[pointer] ? `${at[pointer]}; ${error.detail}` : error.detail;
    else elsewhere.push(error);
  }
  return { at, elsewhere };
}
