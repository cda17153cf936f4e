// @ts-check
/** One chart on its canvas, drawn by uPlot: its lines, their names at their ends, and the marks. */

import uPlot from "uplot";
import { WINDOWS, decades, niceTop, powerOfTen } from "../lib/charts.js";
import { clockMinutes } from "../lib/format.js";

/** @import { ChartModel, LineName } from "../lib/charts.js" */

/**
 * @typedef {object} Line
 * @property {LineName} key
 * @property {string} name  as it stands at its end
 * @property {"accent"|"in"|"out"|"bad"|"dim"|"text"} tone
 * @property {number[]} [dash]  what tells it from the others without its colour
 * @property {number} [width]
 */

/**
 * @typedef {object} Chart
 * @property {string} key
 * @property {string} title
 * @property {Line[]} lines
 * @property {"line"|"area"|"bars"} as
 * @property {number} floor  the least value that fills the height; 0: the scale is of powers of ten
 * @property {(value: number) => string} show  with its unit
 * @property {(value: number) => string} brief  the same beside the scale
 */

const LEFT = 54;
const RIGHT = 30;
const FOOT = 20;
const LABEL_HEIGHT = 12;
/** The least that a scale of powers of ten has room for, in seconds. */
const LEAST = 1e-6;
/** In pixels: the pointer need not be right on a mark. */
const NEAR = 7;

/** The tokens a canvas draws with. @param {HTMLElement} probe */
export function inksOf(probe) {
  const read = (/** @type {string} */ token) => {
    probe.style.color = `var(--${token})`;
    return getComputedStyle(probe).color;
  };
  const names = /** @type {const} */ ([
    ...["accent", "in", "out", "bad", "dim", "text", "faint", "line", "raise", "panel"],
  ]);
  return {
    .../** @type {Record<typeof names[number], string>} */ (
      Object.fromEntries(names.map((name) => [name, read(name)]))
    ),
    ground: read("chart-ground"),
    font: `11px ${getComputedStyle(probe).fontFamily}`,
  };
}

/** @typedef {ReturnType<typeof inksOf>} Inks */

export class Plot {
  /**
   * @param {HTMLElement} place
   * @param {Chart} chart
   * @param {{inks: () => Inks, onPoint: (at: number|null) => void}} world
   */
  constructor(place, chart, { inks, onPoint }) {
    this.chart = chart;
    this.inks = inks;
    /** @type {ChartModel|null} */
    this.model = null;
    this.pointing = false;
    this.u = new uPlot(this.#options(place, onPoint), [[], ...chart.lines.map(() => [])], place);
  }

  /** @param {ChartModel} model */
  draw(model) {
    this.model = model;
    const data = /** @type {import("uplot").AlignedData} */ ([
      model.shown.times,
      ...this.chart.lines.map((line) => this.#drawable(model.shown.lines[line.key])),
    ]);
    const { length, shown } = WINDOWS[model.window];
    const last = model.shown.times.at(-1) ?? model.to;
    this.u.batch(() => {
      this.u.setData(data, false);
      this.u.setScale("x", { min: last - length + shown / 2, max: last + shown / 2 });
      this.u.setScale("y", this.#range());
    });
  }

  /** Once the theme is another one. */
  redraw() {
    this.u.redraw(true, true);
  }

  /** Have it as wide as its place. @param {number} width @param {number} height */
  size(width, height) {
    if (width !== this.u.width || height !== this.u.height) this.u.setSize({ width, height });
  }

  /** Where the pointer is, in any of the charts. @param {number|null} at an index; null: nowhere */
  point(at) {
    if (this.pointing) return;
    const time = at === null ? undefined : this.model?.shown.times[at];
    const left = time === undefined ? -10 : this.u.valToPos(time, "x");
    this.u.setCursor({ left, top: time === undefined ? -10 : 0 }, false);
  }

  /** The mark that the pointer is at; null where it is at none. */
  markAtPointer() {
    const { left } = this.u.cursor;
    if (!this.pointing || left === undefined || left < 0) return null;
    const near = (this.model?.restarts ?? [])
      .map((at) => ({ at, x: this.u.valToPos(at, "x") }))
      .filter((mark) => Math.abs(mark.x - left) <= NEAR);
    return near.at(-1) ?? null;
  }

  destroy() {
    this.u.destroy();
  }

  /**
   * @param {HTMLElement} place
   * @param {(at: number|null) => void} onPoint
   * @returns {import("uplot").Options}
   */
  #options(place, onPoint) {
    const { chart } = this;
    const ink = (/** @type {keyof Inks} */ name) => () => this.inks()[name];
    return {
      width: Math.max(place.clientWidth, 160),
      height: Math.max(place.clientHeight, 80),
      padding: [10, chart.lines.length > 1 ? RIGHT : 16, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        drag: { x: false, y: false, setScale: false },
        points: {
          size: 7,
          width: 1.5,
          stroke: (_, at) => this.inks()[/** @type {Line} */ (chart.lines[at - 1]).tone],
          fill: ink("panel"),
        },
        bind: { dblclick: () => null, mousedown: () => null, mouseup: () => null },
      },
      scales: {
        x: { time: false, auto: false },
        y: { auto: false, ...(chart.floor ? {} : { distr: 3, log: 10 }) },
      },
      series: [{}, ...chart.lines.map((line) => this.#series(line))],
      axes: [
        {
          stroke: ink("faint"),
          font: this.inks().font,
          size: FOOT,
          gap: 3,
          grid: { show: false },
          ticks: { show: false },
          splits: (_u, _at, min, max) => timeSplits(min, max, this.u?.width ?? 300),
          values: (_u, splits) => splits.map((at) => this.#timeText(at)),
        },
        {
          stroke: ink("faint"),
          font: this.inks().font,
          size: LEFT,
          gap: 6,
          grid: { stroke: ink("line"), width: 1 },
          ticks: { show: false },
          filter: (_u, splits) => splits,
          splits: (_u, _at, min, max) => (chart.floor ? [0, max / 2, max] : powers(min, max)),
          values: (_u, splits) => splits.map((value) => (value === 0 ? "0" : chart.brief(value))),
        },
      ],
      hooks: {
        drawClear: [() => this.#drawUnknown()],
        draw: [() => this.#drawMarks(), () => this.#drawNames()],
        setCursor: [
          () => {
            if (this.pointing) onPoint(this.u.cursor.idx ?? null);
          },
        ],
        ready: [
          (u) => {
            u.over.addEventListener("pointerenter", () => (this.pointing = true));
            u.over.addEventListener("pointerleave", () => {
              this.pointing = false;
              onPoint(null);
            });
          },
        ],
      },
    };
  }

  /** @param {Line} line @returns {import("uplot").Series} */
  #series(line) {
    const tone = () => this.inks()[line.tone];
    const bars = this.chart.as === "bars";
    return {
      stroke: tone,
      width: bars ? 0 : (line.width ?? 1.5),
      ...(line.dash ? { dash: line.dash } : {}),
      ...(bars ? { fill: tone } : {}),
      ...(this.chart.as === "area"
        ? { fill: () => this.inks().ground }
        : {}),
      ...(bars && uPlot.paths.bars
        ? { paths: uPlot.paths.bars({ size: [0.8, 8, 2], align: 1 }) }
        : {}),
      points: { show: (_u, _at, from, to) => this.#isAlone(line, from, to), size: 4, fill: tone },
      spanGaps: false,
    };
  }

  /**
   * Whether a line has values without neighbours, which no line would show.
   * @param {Line} line @param {number} from @param {number} to
   */
  #isAlone(line, from, to) {
    if (this.chart.as === "bars") return false;
    const values = this.model?.shown.lines[line.key] ?? [];
    for (let at = from; at <= to; at += 1)
      if (
        (values[at] ?? null) !== null &&
        (values[at - 1] ?? null) === null &&
        (values[at + 1] ?? null) === null
      )
        return true;
    return false;
  }

  /** A line as the scale can show it. @param {(number|null)[]} values */
  #drawable(values) {
    if (this.chart.floor) return values;
    return values.map((value) => (value === null ? null : Math.max(value, LEAST)));
  }

  /** From where to where the scale goes. */
  #range() {
    const values = this.u.data
      .slice(1)
      .flatMap((line) => [.../** @type {(number|null)[]} */ (line)])
      .filter((value) => value !== null);
    const max = values.length ? Math.max(...values) : 0;
    if (this.chart.floor) return { min: 0, max: niceTop(max, this.chart.floor) };
    const [low, high] = decades(values.length ? Math.min(...values) : null, max);
    return { min: low, max: high };
  }

  /** @param {number} at */
  #timeText(at) {
    if (this.model?.window !== "1m") return clockMinutes(at * 1000);
    const back = Math.round((this.model?.to ?? at) - at);
    return back <= 1 ? "now" : `−${back} s`;
  }

  /** The ground where nobody knows, between what is known. */
  #drawUnknown() {
    const { u, model } = this;
    if (!model || model.since === null) return;
    const { times, lines } = model.shown;
    const { ctx } = u;
    ctx.save();
    ctx.fillStyle = this.inks().raise;
    let from = -1;
    for (let at = 0; at < times.length; at += 1) {
      const time = /** @type {number} */ (times[at]);
      if (lines.open[at] === null && time >= model.since) from = from < 0 ? time : from;
      else if (from >= 0) {
        this.#ground(from, time);
        from = -1;
      }
    }
    if (from >= 0) this.#ground(from, model.to);
    ctx.restore();
  }

  /** @param {number} from @param {number} to */
  #ground(from, to) {
    const { u } = this;
    const left = Math.max(u.bbox.left, u.valToPos(from, "x", true));
    const right = Math.min(u.bbox.left + u.bbox.width, u.valToPos(to, "x", true));
    if (right > left) u.ctx.fillRect(left, u.bbox.top, right - left, u.bbox.height);
  }

  /** When the panel began to run again. */
  #drawMarks() {
    const { u, model } = this;
    if (!model?.restarts.length) return;
    const { ctx } = u;
    const ratio = devicePixelRatio || 1;
    const inks = this.inks();
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = inks.dim;
    ctx.lineWidth = ratio;
    ctx.setLineDash([2 * ratio, 3 * ratio]);
    for (const at of model.restarts) {
      const x = Math.round(u.valToPos(at, "x", true)) + 0.5;
      ctx.beginPath();
      ctx.moveTo(x, u.bbox.top);
      ctx.lineTo(x, u.bbox.top + u.bbox.height);
      ctx.stroke();
      ctx.beginPath();
      ctx.moveTo(x - 4 * ratio, u.bbox.top - 6 * ratio);
      ctx.lineTo(x + 4 * ratio, u.bbox.top - 6 * ratio);
      ctx.lineTo(x, u.bbox.top);
      ctx.fill();
    }
    ctx.restore();
  }

  /** The lines' names at their ends, none over another. */
  #drawNames() {
    const { u, model, chart } = this;
    if (!model || chart.lines.length < 2) return;
    const ratio = devicePixelRatio || 1;
    const names = chart.lines
      .map((line, at) => ({ line, value: lastOf(u.data[at + 1] ?? []) }))
      .filter((name) => name.value !== null)
      .map(({ line, value }) => ({
        line,
        y: u.valToPos(/** @type {number} */ (value), "y", true) / ratio,
      }))
      .sort((a, b) => b.y - a.y);
    const bottom = (u.bbox.top + u.bbox.height) / ratio - 2;
    let room = bottom;
    for (const name of names) {
      name.y = Math.min(room, name.y + 4);
      room = name.y - LABEL_HEIGHT;
    }
    const { ctx } = u;
    ctx.save();
    ctx.scale(ratio, ratio);
    ctx.font = this.inks().font;
    ctx.textAlign = "left";
    for (const { line, y } of names) {
      ctx.fillStyle = this.inks()[line.tone];
      ctx.fillText(line.name, (u.bbox.left + u.bbox.width) / ratio + 5, y);
    }
    ctx.restore();
  }
}

/** @param {ArrayLike<number|null|undefined>} values */
function lastOf(values) {
  for (let at = values.length - 1; at >= 0; at -= 1)
    if ((values[at] ?? null) !== null) return /** @type {number} */ (values[at]);
  return null;
}

/** The powers of ten from one to another, at most five. @param {number} min @param {number} max */
function powers(min, max) {
  const low = Math.round(Math.log10(min));
  const high = Math.round(Math.log10(max));
  const by = Math.ceil((high - low) / 4);
  const splits = [];
  for (let power = low; power <= high; power += by) splits.push(powerOfTen(power));
  return splits;
}

/** Seconds between two times that are written under a chart. */
const TIME_STEPS = [15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200];
const TIME_ROOM = 54;

/**
 * The times under a chart: of a minute by how far they are back, else round ones of the reader's clock.
 * @param {number} min @param {number} max seconds since the epoch @param {number} width in pixels
 */
export function timeSplits(min, max, width) {
  const room = Math.max(1, Math.floor((width - LEFT - RIGHT) / TIME_ROOM));
  const step = TIME_STEPS.find((one) => (max - min) / one <= room) ?? 86_400;
  const isMinute = max - min <= 60;
  const zone = new Date(max * 1000).getTimezoneOffset() * 60;
  const end = Math.floor(max + 1);
  const last = isMinute ? end : Math.floor((max - zone) / step) * step + zone;
  const splits = [];
  const first = min + ((max - min) * TIME_ROOM) / 3 / width; // nearer it would run into the scale's
  for (let at = last; at >= first; at -= step) splits.unshift(isMinute ? Math.min(at, max) : at);
  return splits;
}
