// @ts-check
/**
 * How one bar is drawn: with its data, its name, and its end. All in the canvas's own pixels; nothing is
 * allocated, as the open ones are drawn in every frame.
 */

import { isRoomy, laneY, roomY } from "./lanes-plan.js";
import { tickHeight } from "../lib/lane-ticks.js";

/** @import { Bar, End } from "../lib/lanes.js" */
/** @import { Palette } from "./lanes-palette.js" */
/** @import { Plan } from "./lanes-plan.js" */

/** Where moments stand: `x = (time - origin) * scale + shift`. @typedef {{origin: number, scale: number, shift: number}} Times */

/** @param {Times} times @param {number} time */
export const xOf = (times, time) =>
  Math.round((time - times.origin) * times.scale) + times.shift;

/** What a bar is called, where it has room for it. @param {Bar} bar @param {boolean} byPid */
const nameOf = (bar, byPid) => (byPid && bar.pid ? `pid ${bar.pid}` : `#${bar.id}`);

/**
 * @typedef {object} Brush  what all bars are drawn with
 * @property {CanvasRenderingContext2D} g
 * @property {Plan} plan
 * @property {Times} times
 * @property {Palette} palette
 * @property {number} from  left of this nothing is drawn
 * @property {number} to  the same to the right
 * @property {boolean} byPid
 */

/**
 * One bar up to a moment, without its data.
 * @param {Brush} brush
 * @param {Bar} bar
 * @param {number} until seconds: the end of what is known of an open one
 */
export function paintBar(brush, bar, until) {
  const { g, plan, times, palette } = brush;
  const end = Math.min(bar.closed, until);
  const closed = bar.closed <= until;
  const last = Math.min(brush.to, xOf(times, end));
  if (bar.served > bar.opened && bar.room >= 0)
    paintWait(brush, bar, Math.min(bar.served, end), bar.served <= until);
  if (bar.lane < 0 || bar.served > until) {
    if (closed && bar.room >= 0) paintEnd(brush, last, roomY(plan, bar.room), bar.end);
    return;
  }
  const first = Math.max(brush.from, xOf(times, bar.served));
  if (last < brush.from || first > brush.to) return;
  const y = laneY(plan, bar.lane);
  // A pixel of air before whoever is next in the lane.
  const wide = Math.max(isRoomy(plan) ? 2 * plan.ratio : 1, last - first - (closed ? 1 : 0));
  const bad = bar.failed || (closed && bar.end === "error");
  g.fillStyle = bad ? palette["lane-bad"] : closed ? palette["lane-shut"] : palette["lane-open"];
  g.fillRect(first, y, wide, plan.thick);
  if (plan.thick >= 10 * plan.ratio) paintName(brush, bar, first, y, wide);
  if (closed) paintEnd(brush, last, y, bad ? "error" : bar.end);
}

/**
 * The part in which it waited: hollow, and a line to the lane in which it is served.
 * @param {Brush} brush
 * @param {Bar} bar
 * @param {number} end seconds
 * @param {boolean} served
 */
function paintWait({ g, plan, times, palette, from, to }, bar, end, served) {
  const first = Math.max(from, xOf(times, bar.opened));
  const last = Math.min(to, xOf(times, end));
  if (last < from || first > to) return;
  const y = roomY(plan, bar.room);
  const wide = Math.max(2, last - first);
  const line = Math.max(1, Math.floor(plan.ratio));
  g.fillStyle = palette["lane-wait"];
  if (plan.thick < 4 * line) {
    g.fillRect(first, y, wide, line);
  } else {
    g.fillRect(first, y, wide, line);
    g.fillRect(first, y + plan.thick - line, wide, line);
    g.fillRect(first, y, line, plan.thick);
    g.fillRect(first + wide - line, y, line, plan.thick);
  }
  if (served && bar.lane >= 0 && isRoomy(plan) && last < to) {
    const top = laneY(plan, bar.lane) + plan.thick;
    g.fillStyle = palette["lane-rise"];
    g.fillRect(last - line, top, line, y - top);
  }
}

/**
 * @param {Brush} brush
 * @param {Bar} bar
 * @param {number} x
 * @param {number} y
 * @param {number} wide
 */
function paintName({ g, plan, palette, byPid }, bar, x, y, wide) {
  const name = (bar.name ??= nameOf(bar, byPid));
  if (wide < (name.length * 6 + 10) * plan.ratio) return;
  g.font = palette.small;
  g.textAlign = "left";
  g.textBaseline = "middle";
  g.fillStyle = palette["lane-label"];
  g.fillText(name, x + 5 * plan.ratio, y + plan.thick / 2 + plan.ratio / 2);
}

/**
 * One piece of data: above the bar in, below it out; over it where there is no room.
 * @param {Brush} brush
 * @param {Bar} bar
 * @param {number} time
 * @param {number} size bytes, negative where they went out
 */
export function paintTick({ g, plan, times, palette, from, to }, bar, time, size) {
  if (bar.lane < 0 || time < bar.served) return;
  const x = xOf(times, time);
  if (x < from || x > to) return;
  const y = laneY(plan, bar.lane);
  g.fillStyle = size < 0 ? palette.out : palette.in;
  if (!isRoomy(plan)) {
    if (plan.each === 1) g.fillRect(x, y, 1, plan.thick);
    return;
  }
  const wide = Math.max(1, Math.round(1.5 * plan.ratio));
  const most = Math.max(1, Math.floor((plan.row - plan.thick) / 2));
  const high = Math.max(1, Math.round(tickHeight(size, most / plan.ratio) * plan.ratio));
  g.fillRect(x - 1, size < 0 ? y + plan.thick : y - high, wide, Math.min(high, most));
}

/** All its data. @param {Brush} brush @param {Bar} bar */
export function paintTicks(brush, bar) {
  const { ticks } = bar;
  for (let at = 0; at < ticks.length; at += 1) paintTick(brush, bar, ticks.time(at), ticks.size(at));
}

/**
 * How it closed, by shape and colour: a stroke (cleanly), a diamond (cut by us), a cross (reset by its
 * client), a triangle (an error).
 * @param {Brush} brush
 * @param {number} x
 * @param {number} y
 * @param {End} end
 */
function paintEnd({ g, plan, palette, from, to }, x, y, end) {
  if (x < from || x > to || plan.row < 3 * plan.ratio) return;
  const one = plan.ratio;
  if (end === "clean" || !isRoomy(plan)) {
    g.fillStyle = end === "clean" ? palette.dim : end === "cut" ? palette.warn : palette.bad;
    g.fillRect(x - 2 * one, y - one, Math.ceil(1.5 * one), plan.thick + 2 * one);
    return;
  }
  const middle = y + plan.thick / 2;
  const half = Math.min(5 * one, Math.max(3.5 * one, plan.thick / 2 + one));
  g.beginPath();
  if (end === "cut") {
    g.fillStyle = palette.warn;
    g.moveTo(x, middle - half);
    g.lineTo(x + half, middle);
    g.lineTo(x, middle + half);
    g.lineTo(x - half, middle);
    g.fill();
  } else if (end === "error") {
    g.fillStyle = palette.bad;
    g.moveTo(x, middle - half);
    g.lineTo(x + half, middle + half);
    g.lineTo(x - half, middle + half);
    g.fill();
  } else {
    g.strokeStyle = palette.bad;
    g.lineWidth = 2 * one;
    const arm = half * 0.8;
    g.moveTo(x - arm, middle - arm);
    g.lineTo(x + arm, middle + arm);
    g.moveTo(x + arm, middle - arm);
    g.lineTo(x - arm, middle + arm);
    g.stroke();
  }
}
