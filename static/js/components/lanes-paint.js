// @ts-check
/** How the lanes are drawn on their canvas. */

import { tickHeight } from "../lib/lanes.js";

/** @import { Bar, LaneModel } from "../lib/lanes.js" */

const AXIS = 20;
export const TOP = 8;
const EDGE = 34;
const LEFT = 14;

/** The tokens that are drawn with, as the canvas wants them. @param {HTMLElement} probe */
export function paletteOf(probe) {
  const read = (/** @type {string} */ token) => {
    probe.style.color = `var(--${token})`;
    return getComputedStyle(probe).color;
  };
  return {
    line: read("line"),
    faint: read("faint"),
    dim: read("dim"),
    text: read("text"),
    accent: read("accent"),
    font: `11px ${getComputedStyle(probe).fontFamily}`,
    in: read("in"),
    out: read("out"),
    bad: read("bad"),
    warn: read("warn"),
    panel: read("panel"),
  };
}

/** @typedef {ReturnType<typeof paletteOf>} Palette */
/**
 * @typedef {{
 *   from: number,
 *   to: number,
 *   width: number,
 *   height: number,
 *   pitch: number,
 *   x: (at: number) => number,
 *   below: number,
 *   open: number,
 *   empty: boolean,
 * }} View  `below`: bars for which there is no room; `open`: those drawn that are still open
 */
/** @typedef {Omit<View, "below"|"open"|"empty">} Frame  where time and lanes stand on the canvas */

/**
 * @param {CanvasRenderingContext2D} g
 * @param {HTMLCanvasElement} element
 * @param {LaneModel} model
 * @param {number} now seconds
 * @param {number} length seconds shown
 * @param {Palette} palette
 * @param {number} queued who waits to be served
 * @returns {View}
 */
export function paint(g, element, model, now, length, palette, queued) {
  const ratio = devicePixelRatio || 1;
  const width = element.clientWidth;
  const height = element.clientHeight;
  if (
    element.width !== Math.round(width * ratio) ||
    element.height !== Math.round(height * ratio)
  ) {
    element.width = Math.round(width * ratio);
    element.height = Math.round(height * ratio);
  }
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, width, height);
  const from = now - length;
  const right = width - EDGE;
  const x = (/** @type {number} */ at) => LEFT + ((at - from) / length) * (right - LEFT);
  const bars = model.within(from, now);
  const lanes = bars.reduce((most, bar) => Math.max(most, bar.lane + 1), 0);
  const room = height - AXIS - TOP;
  const pitch = Math.max(1.5, Math.min(17, room / Math.max(lanes, 1)));
  const view = { from, to: now, width, height, pitch, x };

  paintScale(g, view, length, now, palette);
  if (bars.length === 0) paintNobody(g, (LEFT + right) / 2, TOP + room / 2, palette);
  let below = 0;
  let open = 0;
  for (const bar of bars) {
    if ((bar.lane + 1) * pitch > room + 0.5) {
      below += 1;
      continue;
    }
    if (bar.closed > now) open += 1;
    paintBar(g, view, bar, now, palette);
  }

  if (queued > 0) {
    const high = Math.min(room, 10 + queued * 3);
    g.fillStyle = palette.warn;
    g.fillRect(right + 6, TOP, 4, high);
    g.fillStyle = palette.dim;
    g.textAlign = "left";
    g.font = palette.font;
    g.fillText(String(queued), right + 14, TOP + 10);
  }
  return { ...view, below, open, empty: bars.length === 0 };
}

/**
 * @param {CanvasRenderingContext2D} g
 * @param {number} x
 * @param {number} y
 * @param {Palette} palette
 */
function paintNobody(g, x, y, palette) {
  const text = "Nobody was connected in this time";
  g.font = palette.font;
  g.textAlign = "center";
  const wide = g.measureText(text).width + 16;
  g.fillStyle = palette.panel; // no line of the scale runs through the words
  g.fillRect(x - wide / 2, y - 11, wide, 16);
  g.fillStyle = palette.faint;
  g.fillText(text, x, y);
}

/**
 * @param {CanvasRenderingContext2D} g
 * @param {Frame} view
 * @param {number} length
 * @param {number} now
 * @param {Palette} palette
 */
function paintScale(g, { height, x }, length, now, palette) {
  const step = length <= 8 ? 1 : length <= 45 ? 5 : length <= 90 ? 10 : 20;
  g.font = palette.font;
  g.lineWidth = 1;
  g.strokeStyle = palette.line;
  g.fillStyle = palette.faint;
  g.beginPath();
  for (let back = 0; back <= length; back += step) {
    const at = Math.round(x(now - back)) + 0.5;
    g.moveTo(at, 0);
    g.lineTo(at, height - AXIS + 2);
    g.textAlign = at < LEFT + 20 ? "left" : "center";
    g.fillText(back ? `−${back} s` : "now", at, height - 6);
  }
  g.stroke();
}

/**
 * @param {CanvasRenderingContext2D} g
 * @param {Frame} view
 * @param {Bar} bar
 * @param {number} now
 * @param {Palette} palette
 */
function paintBar(g, { from, pitch, x }, bar, now, palette) {
  const open = bar.closed === Number.POSITIVE_INFINITY || bar.closed > now;
  const left = Math.max(LEFT, x(bar.opened));
  const end = x(Math.min(bar.closed, now));
  const wide = Math.max(2, end - left);
  const thick = Math.max(1, Math.min(7, pitch * 0.42));
  const y = TOP + bar.lane * pitch + (pitch - thick) / 2;
  const bad = bar.failed || bar.tone === "error";
  g.fillStyle = bad ? palette.bad : palette.accent;
  g.globalAlpha = open ? 0.62 : 0.34;
  if (thick < 3) g.fillRect(left, y, wide, thick);
  else {
    g.beginPath();
    g.roundRect(left, y, wide, thick, Math.min(2, thick / 2));
    g.fill();
  }
  g.globalAlpha = 1;
  if (pitch >= 4) {
    const most = Math.max(1, (pitch - thick) / 2);
    for (let at = bar.times.length - 1; at >= 0; at -= 1) {
      const time = /** @type {number} */ (bar.times[at]);
      if (time < from) break;
      if (time > now) continue;
      const bytes = /** @type {number} */ (bar.sizes[at]);
      const high = tickHeight(bytes, most);
      if (bytes < 0) {
        g.fillStyle = palette.out;
        g.fillRect(x(time) - 0.75, y + thick, 1.5, high);
      } else {
        g.fillStyle = palette.in;
        g.fillRect(x(time) - 0.75, y - high, 1.5, high);
      }
    }
  }
  if (!open) paintEnd(g, end, y, thick, bad ? "error" : bar.tone, palette);
}

/**
 * @param {CanvasRenderingContext2D} g
 * @param {number} x
 * @param {number} y
 * @param {number} thick
 * @param {Bar["tone"]} tone
 * @param {Palette} palette
 */
function paintEnd(g, x, y, thick, tone, palette) {
  const middle = y + thick / 2;
  if (tone === "closed" || thick < 3) {
    g.fillStyle = tone === "error" ? palette.bad : tone === "cut" ? palette.warn : palette.dim;
    g.fillRect(x - 1, y - 1, 2, thick + 2);
    return;
  }
  g.beginPath();
  if (tone === "error") {
    g.fillStyle = palette.bad;
    g.moveTo(x, middle - 5);
    g.lineTo(x + 5, middle + 4);
    g.lineTo(x - 5, middle + 4);
  } else {
    g.fillStyle = palette.warn;
    g.moveTo(x, middle - 4.5);
    g.lineTo(x + 4.5, middle);
    g.lineTo(x, middle + 4.5);
    g.lineTo(x - 4.5, middle);
  }
  g.fill();
}
