// @ts-check
/** The REST interface, and its errors (RFC 9457) as one class. */

import { csrfToken } from "./lib/boot.js";

/** @import { FieldError } from "./types.js" */

const BASE = "/api/v1";

/**
 * What went wrong with a call, as the server said it or, where there was no answer, as we saw it.
 */
export class ApiError extends Error {
  /**
   * @param {number} status 0 where no answer came
   * @param {{title?: string, detail?: string, errors?: FieldError[]}} problem
   */
  constructor(status, problem) {
    super(problem.detail || problem.title || `the panel answered ${status}`);
    this.name = "ApiError";
    this.status = status;
    this.title = problem.title ?? "";
    /** Each bad field with its JSON pointer. */
    this.errors = problem.errors ?? [];
  }
}

/**
 * Call the interface; answers the body, `null` where there is none.
 * A lost session leads to the sign-in page, which leads back.
 * @param {string} method
 * @param {string} path below /api/v1
 * @param {unknown} [body]
 * @param {{etag?: string|null, signal?: AbortSignal, keepalive?: boolean}} [how] keepalive: also
 *   where the page is left meanwhile
 * @returns {Promise<{body: any, etag: string|null}>}
 * @throws {ApiError}
 */
export async function call(method, path, body, how = {}) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRF-Token"] = csrfToken;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (how.etag) headers["If-Match"] = how.etag;
  let response;
  try {
    response = await fetch(BASE + path, {
      method,
      headers,
      credentials: "same-origin",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(how.signal ? { signal: how.signal } : {}),
      ...(how.keepalive ? { keepalive: true } : {}),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, {
      title: "No answer",
      detail: "The panel does not answer. Is it still running?",
    });
  }
  const text = await response.text();
  let parsed = null;
  try {
    parsed = text ? JSON.parse(text) : null;
  } catch {
    if (response.ok)
      throw new ApiError(response.status, { detail: "The panel's answer is no JSON." });
  }
  if (response.status === 401) toSignIn();
  if (!response.ok) throw new ApiError(response.status, parsed ?? { title: response.statusText });
  return { body: parsed, etag: response.headers.get("ETag") };
}

/** @param {string} path */
export const get = async (path) => (await call("GET", path)).body;

/** @param {string} path @param {unknown} [body] */
export const post = async (path, body = {}) => (await call("POST", path, body)).body;

/** @param {string} path */
export const remove = async (path) => (await call("DELETE", path)).body;

/** The sign-in page, that leads back here. */
export function signInPath() {
  const here = location.pathname + location.search;
  return here === "/" ? "/sign-in" : `/sign-in?next=${encodeURIComponent(here)}`;
}

/** Leave for the sign-in page, to come back here after it. */
export const toSignIn = () => location.assign(signInPath());

/** A query string of what is set. @param {Record<string, string|number|null|undefined>} query */
export function query(query) {
  const parts = Object.entries(query).filter(
    ([, value]) => value !== null && value !== undefined && value !== "",
  );
  return parts.length
    ? `?${parts.map(([key, value]) => `${key}=${encodeURIComponent(String(value))}`).join("&")}`
    : "";
}
