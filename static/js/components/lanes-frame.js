// @ts-check
/** What is drawn around the bars in each frame: the scale, the bound, the backlog, and the counts. */

import { xOf } from "./lanes-paint.js";
import { stepFor } from "../lib/lane-view.js";
import { clockSeconds, number } from "../lib/format.js";

/** @import { LaneModel } from "../lib/lanes.js" */
/** @import { LaneView } from "../lib/lane-view.js" */
/** @import { Brush } from "./lanes-paint.js" */

/**
 * How a service serves, in the words that stand beside its lanes.
 * @typedef {object} Bound
 * @property {number} most  served at once; Infinity: there is no bound
 * @property {string} name  "1 at a time", "of 4 threads"
 * @property {string} short  the same where there is little room
 */

/** CSS pixels between two lines of the scale, at least. */
const LINE_APART = 74;
/** The backlog's rows are at most so high, in CSS pixels; below the least they are no rows any more. */
const ROW_MOST = 14;
const ROW_LEAST = 4;

/**
 * Lines and labels of time: back from now where it follows, else by the clock.
 * @param {Brush} brush
 * @param {LaneView} view
 */
export function paintScale({ g, plan, times, palette }, view) {
  const { ratio, left, right, foot } = plan;
  const step = stepFor(view.seconds, Math.max(1, (right - left) / (LINE_APART * ratio)));
  g.font = palette.font;
  g.textBaseline = "alphabetic";
  g.textAlign = "center";
  const first = view.follows ? 0 : Math.ceil(view.from / step);
  const last = view.follows ? Math.floor(view.seconds / step + 1e-6) : Math.floor(view.to / step);
  for (let at = first; at <= last; at += 1) {
    const x = view.follows
      ? Math.round(right - at * step * times.scale)
      : xOf(times, at * step);
    g.fillStyle = palette.line;
    g.fillRect(x, 0, Math.max(1, Math.floor(ratio)), foot + 3 * ratio);
    g.fillStyle = palette.faint;
    const text = view.follows ? back(at * step) : moment(at * step, step);
    const half = (text.length * 6 * ratio) / 2;
    g.fillText(text, Math.max(x, left + half - 4 * ratio), plan.height - 7 * ratio);
  }
}

/** @param {number} seconds */
const back = (seconds) =>
  seconds === 0
    ? "now"
    : seconds < 120
      ? `−${+seconds.toFixed(1)} s`
      : `−${+(seconds / 60).toFixed(1)} min`;

/** @param {number} seconds since the epoch @param {number} step */
const moment = (seconds, step) => {
  const text = clockSeconds(seconds * 1000);
  return step >= 1 ? text : `${text}.${Math.floor((seconds % 1) * 10 + 1e-6)}`;
};

/**
 * The line under the lanes: as many as are served at once. It stands out while all are taken.
 * @param {Brush} brush
 * @param {Bound} bound
 * @param {number} busy
 */
export function paintBound({ g, plan, palette }, bound, busy) {
  const { ratio, left, right } = plan;
  if (bound.most === Number.POSITIVE_INFINITY) return;
  const full = busy >= bound.most;
  const y = plan.bound + Math.round((plan.rooms ? 5 : 1) * ratio);
  g.fillStyle = full ? palette.warn : palette.edge;
  const dash = Math.round(6 * ratio);
  const high = Math.max(1, Math.floor(ratio));
  for (let x = left; x < right; x += 2 * dash)
    g.fillRect(x, y, Math.min(dash, right - x), high);
}

/**
 * The band at the foot: a row for each that waits in the kernel, hollow, as nobody knows them yet.
 * @param {Brush} brush
 * @param {LaneModel} model
 * @param {LaneView} view
 */
export function paintBacklog(brush, { backlog }, view) {
  const { g, plan, times, palette } = brush;
  const { ratio, left, right, band, foot } = plan;
  if (!band) return;
  g.fillStyle = palette["lane-band"];
  g.fillRect(left, band, right - left, foot - band);
  const most = backlog.most(view.from, view.to);
  if (most === 0) return;
  const row = Math.min(ROW_MOST * ratio, (foot - band) / most);
  if (row >= ROW_LEAST * ratio) {
    for (let each = 1; each <= most; each += 1) paintGhost(brush, backlog, view, each, row);
    return;
  }
  const line = Math.max(1, Math.floor(ratio));
  for (let at = backlog.firstFrom(view.from); at < backlog.length; at += 1) {
    const count = backlog.count(at);
    if (count === 0) continue;
    const from = Math.max(left, xOf(times, backlog.time(at)));
    const next = at + 1 < backlog.length ? backlog.time(at + 1) : view.to;
    const to = Math.min(right, xOf(times, next));
    if (to <= from) continue;
    const top = foot - Math.round(count * row);
    g.fillStyle = palette["lane-queue"];
    g.fillRect(from, top, to - from, foot - top);
    g.fillStyle = palette.warn;
    g.fillRect(from, top, to - from, line);
  }
}

/**
 * One row of the backlog: hollow wherever at least so many waited.
 * @param {Brush} brush
 * @param {LaneModel["backlog"]} backlog
 * @param {LaneView} view
 * @param {number} each which row, 1 the lowest
 * @param {number} row its height
 */
function paintGhost({ g, plan, times, palette }, backlog, view, each, row) {
  const { ratio, left, right, foot } = plan;
  const line = Math.max(1, Math.floor(ratio));
  const top = foot - Math.round(each * row) + Math.round(2 * ratio);
  const high = foot - Math.round((each - 1) * row) - top - line;
  let since = Number.NaN;
  for (let at = backlog.firstFrom(view.from); at <= backlog.length; at += 1) {
    const waits = at < backlog.length && backlog.count(at) >= each;
    const time = at < backlog.length ? backlog.time(at) : view.to;
    if (waits && Number.isNaN(since)) since = time;
    const isLast = at === backlog.length;
    if (Number.isNaN(since) || (waits && !isLast)) continue;
    const from = Math.max(left, xOf(times, since));
    const to = Math.min(right, xOf(times, time));
    since = Number.NaN;
    if (to - from < 2) continue;
    g.fillStyle = palette["lane-queue"];
    g.fillRect(from, top, to - from, high);
    g.fillStyle = palette.warn;
    g.fillRect(from, top, to - from, line);
    g.fillRect(from, top + high - line, to - from, line);
    g.fillRect(from, top, line, high);
    if (!isLast) g.fillRect(to - line, top, line, high);
  }
}

/** What stands left of the edge may reach over it by so much, in CSS pixels. */
export const OVERHANG = 13;

/**
 * The counts at the edge, each beside what it counts; drawn where one is another.
 * @param {Brush} brush
 * @param {{bound: Bound, serving: number, queue: number, backlog: number|null, limit: number|null, narrow: boolean}} counts
 */
export function paintCounts({ g, plan, palette }, { bound, serving, queue, backlog, limit, narrow }) {
  const { ratio, right, top } = plan;
  const x = right + Math.round((OVERHANG + 3) * ratio);
  g.clearRect(right + OVERHANG * ratio, 0, plan.width - right, plan.height);
  g.textAlign = "left";
  g.textBaseline = "alphabetic";
  const full = serving >= bound.most;
  const put = (
    /** @type {number} */ y,
    /** @type {string} */ strong,
    /** @type {string} */ text,
    /** @type {string} */ color,
  ) => {
    g.font = palette.strong;
    g.fillStyle = color;
    g.fillText(strong, x, y + 12 * ratio);
    g.font = palette.small;
    g.fillStyle = palette.faint;
    g.fillText(text, x, y + 25 * ratio);
  };
  put(
    top - 4 * ratio,
    number(serving),
    narrow ? bound.short : bound.name,
    full ? palette.text : palette.dim,
  );
  if (plan.rooms)
    put(plan.bound + 10 * ratio, number(queue), narrow ? "queue" : "in the queue", palette.text);
  if (plan.band)
    put(
      plan.band - 2 * ratio,
      number(backlog ?? 0),
      narrow || limit === null ? "backlog" : `backlog, of ${number(limit)}`,
      backlog ? palette.warn : palette.dim,
    );
}

/**
 * Where nobody was.
 * @param {Brush} brush
 */
export function paintNobody({ g, plan, palette }) {
  const { ratio } = plan;
  const text = "Nobody was connected in this time";
  g.font = palette.font;
  g.textAlign = "center";
  g.textBaseline = "middle";
  const x = (plan.left + plan.right) / 2;
  const y = (plan.top + (plan.band || plan.foot)) / 2;
  const half = g.measureText(text).width / 2 + 8 * ratio;
  g.fillStyle = palette.panel; // no line of the scale runs through the words
  g.fillRect(x - half, y - 9 * ratio, 2 * half, 18 * ratio);
  g.fillStyle = palette.faint;
  g.fillText(text, x, y);
}
