// @ts-check
/** Numbers, sizes, durations and times as people read them; every function is pure. */

/** Made once: `toLocaleString` makes one for each number. */
const GROUPED = new Intl.NumberFormat("en-US");
const SIZE_UNITS = ["B", "KB", "MB", "GB", "TB"];

/**
 * Three significant digits at most, never an exponent: 0, 0.42, 7.5, 38.2, 214, 1,204.
 * @param {number} value
 */
export function number(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (Number.isInteger(value) || size >= 100) return GROUPED.format(Math.round(value));
  return String(size >= 10 ? Number(value.toFixed(1)) : Number(value.toFixed(2)));
}

/**
 * A size in bytes as number and unit, in powers of 1000 as networks count.
 * @param {number} bytes
 * @returns {[string, string]}
 */
export function sizeParts(bytes) {
  if (!Number.isFinite(bytes)) return ["–", ""];
  let unit = 0;
  let value = bytes;
  while (Math.abs(value) >= 999.5 && unit < SIZE_UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  if (unit === 0) return [value > 0 && value < 1 ? "<1" : String(Math.round(value)), "B"];
  const digits = value < 10 ? 2 : value < 100 ? 1 : 0;
  return [value.toFixed(digits), SIZE_UNITS[unit] ?? ""];
}

/** @param {number} bytes */
export const size = (bytes) => sizeParts(bytes).join(" ").trim();

/** @param {number} perSecond */
export const rate = (perSecond) => `${size(perSecond)}/s`;

/** How many a second, of things one counts. @param {number} value */
export function frequency(value) {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  if (value < 0.05) return "<0.1";
  return value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString("en-US");
}

/**
 * A short span, as of handling one request, as number and unit.
 * @param {number|null|undefined} seconds
 * @returns {[string, string]}
 */
export function spanParts(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return ["–", ""];
  if (seconds < 0.001) return [(seconds * 1e6).toFixed(0), "µs"];
  if (seconds < 1) {
    const ms = seconds * 1000;
    return [ms.toFixed(ms < 10 ? 2 : ms < 100 ? 1 : 0), "ms"];
  }
  if (seconds < 60) return [seconds.toFixed(seconds < 10 ? 2 : 1), "s"];
  return [duration(seconds), ""];
}

/** @param {number|null|undefined} seconds */
export const span = (seconds) => spanParts(seconds).join(" ").trim();

/** An age that ticks: "0 s", "41 s", "3 m 02 s", "3 h 12 m", "2 d 4 h". @param {number} seconds */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} m ${pad(whole % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${pad(minutes % 60)} m`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** How long ago something last happened, finer when it is fresh. @param {number} seconds */
export function ago(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  return seconds < 10 ? `${Math.max(0, seconds).toFixed(1)} s` : duration(seconds);
}

/** The reader's own clock time, to the millisecond. @param {string|number|Date} when */
export function clock(when) {
  const date = new Date(when);
  if (Number.isNaN(date.getTime())) return "–";
  return `${clockSeconds(date)}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** The reader's own clock time, to the second. @param {string|number|Date} when */
export function clockSeconds(when) {
  const date = new Date(when);
  if (Number.isNaN(date.getTime())) return "–";
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

/** The reader's own clock time, to the minute. @param {string|number|Date} when */
export const clockMinutes = (when) => clockSeconds(when).slice(0, 5);

/** Date and time, for a tooltip. @param {string|number|Date} when */
export function moment(when) {
  const date = new Date(when);
  if (Number.isNaN(date.getTime())) return "–";
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  return `${day} ${clock(date)}`;
}

/** A moment as an input of local date and time has it, to the second. @param {string|number} when */
export function localInput(when) {
  const date = new Date(when);
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  return `${day}T${clockSeconds(date)}`;
}

const DAY = new Intl.DateTimeFormat("en-GB", {
  weekday: "short",
  day: "numeric",
  month: "short",
  year: "numeric",
});
/** The reader's own day: "Tue, 24 Nov 2026". @param {string|number} when */
export const day = (when) => DAY.format(new Date(when));

/**
 * "1 connection", "214 connections".
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export function plural(count, one, many = `${one}s`) {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/** "a", "a and b", "a, b and c". @param {string[]} items */
export function list(items) {
  if (items.length < 2) return items.join("");
  return `${items.slice(0, -1).join(", ")} and ${items[items.length - 1]}`;
}

/**
 * A word of the contract as a person writes it: `handler_error` is "handler error".
 * @param {string|null|undefined} word
 */
export const words = (word) => (word ?? "").replaceAll("_", " ");

/**
 * The engine's messages begin in lower case; alone on a line they do not. An address stays as it
 * is.
 * @param {string} text
 */
export const sentence = (text) =>
  /^[a-z]+[ ,]/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;

/** @param {number} value */
const pad = (value) => String(value).padStart(2, "0");
