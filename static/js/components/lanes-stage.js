// @ts-check
/**
 * The lanes' canvas at work: it decides when to draw and what. A frame in which nothing would move by a
 * pixel is not drawn; one that is copies the layer of what was, and draws what is open over it. The
 * picture is a moment behind, so that what is told late need not be taken back.
 */

import {
  OVERHANG,
  paintBacklog,
  paintBound,
  paintCounts,
  paintNobody,
  paintScale,
} from "./lanes-frame.js";
import { Layer } from "./lanes-layer.js";
import { paintBar, xOf } from "./lanes-paint.js";
import { laneY, planOf, roomY, rowAt } from "./lanes-plan.js";
import { LaneView } from "../lib/lane-view.js";

/** @import { Bar, LaneModel } from "../lib/lanes.js" */
/** @import { Bound } from "./lanes-frame.js" */
/** @import { Brush } from "./lanes-paint.js" */
/** @import { Palette } from "./lanes-palette.js" */
/** @import { Plan } from "./lanes-plan.js" */

/** How far the picture is behind: events come in frames, and from children later still. */
const BEHIND_SECONDS = 0.2;
/** Of a frame's 16 ms, what a layer is filled in. */
const FILL_MS = 5;
/** The same where nothing is shown until it is ready. */
const FIRST_FILL_MS = 40;
/** Where nothing moves it is looked this often. */
const IDLE_MS = 200;
/** Rows that are not needed any more are taken back after this long, so that nothing jumps about. */
const SHRINK_MS = 3_000;
/** A layer reaches this many times the view beyond it, and is replaced before its end is seen. */
const AHEAD = 0.9;
const SPARE = 0.2;
/** Narrower than this the counts at the edge have less room. All in CSS pixels. */
const NARROW = 600;
const EDGE = 108;
const EDGE_NARROW = 66;

const ratioNow = () => window.devicePixelRatio || 1;

/**
 * What the stage shows beside its model.
 * @typedef {object} Scene
 * @property {Bound} bound
 * @property {number|null} backlog  null: nobody knows
 * @property {number|null} limit
 * @property {number|null} stoppedAt  the page knows of nothing after this moment; null: it is live
 */

export class Stage {
  /**
   * @param {HTMLCanvasElement} element
   * @param {LaneModel} model
   * @param {{now: () => number, still: boolean, palette: (ratio: number) => Palette, byPid: boolean}} how
   *   `still`: the picture moves once a second; `byPid`: lanes are children, told apart by their pids
   */
  constructor(element, model, { now, still, palette, byPid }) {
    this.element = element;
    this.live = model;
    /** What is drawn: the live one, or one of the past. */
    this.model = model;
    this.now = now;
    this.still = still;
    this.readPalette = palette;
    this.view = new LaneView(element.clientWidth < NARROW ? 12 : 30);
    /** @type {Scene} */
    this.scene = {
      bound: { most: Number.POSITIVE_INFINITY, name: "", short: "" },
      backlog: null,
      limit: null,
      stoppedAt: null,
    };
    /** The bar that is pointed at, or has the keyboard. @type {Bar|null} */
    this.marked = null;
    this.byKey = false;
    /** Those that have closed and are still served in the picture, which is a moment behind. @type {Bar[]} */
    this.leaving = [];
    /** Where the pointer is, in CSS pixels. */
    this.pointer = { x: 0, y: 0, inside: false };
    this.empty = false;
    this.size = { width: element.clientWidth, height: element.clientHeight };
    this.palette = palette(ratioNow());
    const g = element.getContext("2d");
    if (!g) throw new Error("no canvas to draw on");
    /** @type {Plan} */
    this.plan = planOf({ width: 1, height: 1, ratio: 1, edge: 0, lanes: 1, rooms: 0, band: false, waits: false });
    /** @type {Brush} */
    this.brush = {
      g,
      plan: this.plan,
      times: { origin: 0, scale: 1, shift: 0 },
      palette: this.palette,
      from: 0,
      to: 0,
      byPid,
    };
    /** @type {Layer|null} */
    this.front = null;
    /** @type {Layer|null} */
    this.next = null;
    this.painted = { x: Number.NaN, changes: -1 };
    this.dirty = true;
    this.needs = { lanes: 1, rooms: 0, waits: false, since: 0, changes: -1 };
    this.frame = 0;
    this.timer = 0;
    this.inSight = true;
    /** What was drawn of each last, to see whether it is another one. */
    this.counts = {
      ...this.scene,
      plan: this.plan,
      palette: this.palette,
      serving: -1,
      queue: 0,
      narrow: false,
    };
    this.scale = {
      canvas: document.createElement("canvas"),
      plan: this.plan,
      palette: this.palette,
      seconds: 0,
    };
    /** How many frames were drawn. */
    this.frames = 0;
    this.loop = () => this.#loop();
    this.show(model);
    this.#loop();
  }

  /** Draw another model. @param {LaneModel} model */
  show(model) {
    if (this.model !== model) this.model.painter = null;
    this.model = model;
    model.painter = {
      ticked: (bar, time, size) => {
        this.front?.tick(bar, time, size);
        this.next?.tick(bar, time, size);
        this.dirty = true;
      },
      closed: (bar) => {
        this.front?.bar(bar);
        this.next?.bar(bar);
        this.leaving.push(bar);
      },
      rearranged: () => this.#forgetLayers(),
    };
    this.#forgetLayers();
  }

  /** Draw everything anew: size, theme or what is shown is another. */
  refresh() {
    this.palette = this.brush.palette = this.readPalette(ratioNow());
    this.#forgetLayers();
    this.wake();
  }

  /** The canvas has another size: in a frame it is not asked for, as that may lay out the page. */
  resize() {
    this.size = { width: this.element.clientWidth, height: this.element.clientHeight };
    this.wake();
  }

  /** Something is to be drawn: do not wait for the next look. */
  wake() {
    this.dirty = true;
    clearTimeout(this.timer);
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(this.loop);
  }

  /** @param {boolean} inSight */
  see(inSight) {
    this.inSight = inSight;
    if (inSight) this.wake();
  }

  end() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.timer);
    this.model.painter = null;
  }

  // -- frames -------------------------------------------------------------------------------

  #loop() {
    if (!this.inSight) return;
    const lively = this.#draw();
    if (lively) this.frame = requestAnimationFrame(this.loop);
    else
      this.timer = window.setTimeout(() => {
        this.frame = requestAnimationFrame(this.loop);
      }, IDLE_MS);
  }

  /** Draw what is to be drawn; whether more will be soon. */
  #draw() {
    const { view, model } = this;
    const at = this.scene.stoppedAt ?? this.now() - BEHIND_SECONDS;
    view.pass(this.still ? Math.floor(at) : at);
    this.#fit();
    const { plan, brush } = this;
    const scale = (plan.right - plan.left) / view.seconds;
    this.#provide(scale);
    const moves = view.follows && this.scene.stoppedAt === null && !this.still;
    // Aligned with the layer, so that what is drawn in one and in the other is at one place.
    const front = this.front;
    const origin = front?.scale === scale ? front.from : view.from;
    const shift = plan.right - Math.round((view.to - origin) * scale);
    const changed = this.dirty || model.changes !== this.painted.changes;
    const blank = this.empty && view.follows && model.backlog.most(view.from, view.to) === 0;
    const lively = (moves && !blank) || this.next !== null;
    if (!changed && (shift === this.painted.x || blank)) return lively;
    this.dirty = false;
    this.painted.x = shift;
    this.painted.changes = model.changes;
    this.frames += 1;
    brush.times.origin = origin;
    brush.times.scale = scale;
    brush.times.shift = shift;
    this.#paint();
    return lively;
  }

  #paint() {
    const { brush, plan, view, model, scene, counts } = this;
    const { g } = brush;
    g.clearRect(0, 0, plan.right + OVERHANG * plan.ratio, plan.height);
    this.#copyScale();
    paintBacklog(brush, model, view);
    let serving = 0;
    let waiting = 0;
    for (const bar of model.open) {
      if (bar.opened > view.to) continue;
      if (bar.served <= view.to) serving += 1;
      else waiting += 1;
      paintBar(brush, bar, view.to);
    }
    serving += this.#countLeaving();
    this.#copyLayer();
    paintBound(brush, scene.bound, serving);
    this.#showCounts(serving, waiting);
    if (this.empty) paintNobody(brush);
    if (this.marked) this.#paintMark(this.marked);
  }

  #countLeaving() {
    const { leaving, view } = this;
    let kept = 0;
    let serving = 0;
    for (const bar of leaving) {
      if (bar.closed <= view.to) continue;
      leaving[kept] = bar;
      kept += 1;
      if (bar.served <= view.to) serving += 1;
    }
    leaving.length = view.follows ? kept : 0;
    return serving;
  }

  /** The scale: what stands still while the picture moves is drawn once, too. */
  #copyScale() {
    const { brush, plan, view, scale } = this;
    if (!view.follows) {
      paintScale(brush, view);
      return;
    }
    if (scale.plan !== plan || scale.seconds !== view.seconds || scale.palette !== this.palette) {
      scale.plan = plan;
      scale.seconds = view.seconds;
      scale.palette = this.palette;
      scale.canvas.width = plan.width;
      scale.canvas.height = plan.height;
      const g = /** @type {CanvasRenderingContext2D} */ (scale.canvas.getContext("2d"));
      paintScale({ ...brush, g }, view);
    }
    brush.g.drawImage(scale.canvas, 0, 0);
  }

  /** @param {number} serving @param {number} queue */
  #showCounts(serving, queue) {
    const { counts, scene, brush, plan } = this;
    if (
      counts.plan === plan &&
      counts.palette === this.palette &&
      counts.bound === scene.bound &&
      counts.serving === serving &&
      counts.queue === queue &&
      counts.backlog === scene.backlog &&
      counts.limit === scene.limit
    )
      return;
    counts.plan = plan;
    counts.palette = this.palette;
    counts.bound = scene.bound;
    counts.serving = serving;
    counts.queue = queue;
    counts.backlog = scene.backlog;
    counts.limit = scene.limit;
    counts.narrow = plan.width < NARROW * plan.ratio;
    paintCounts(brush, counts);
  }

  /** The window of the layer that is in view; where it was made for another zoom, stretched. */
  #copyLayer() {
    const { front, plan, view, brush } = this;
    if (!front) return;
    const wide = plan.right - plan.left;
    if (front.scale === brush.times.scale) {
      const x = plan.left - brush.times.shift;
      const from = Math.max(0, x);
      const width = Math.min(wide - (from - x), front.canvas.width - from);
      if (width > 0)
        brush.g.drawImage(
          front.canvas, from, 0, width, plan.height, plan.left + from - x, 0, width, plan.height,
        );
      return;
    }
    const from = Math.max(view.from, front.from);
    const to = Math.min(view.to, front.to);
    if (to <= from) return;
    const x = plan.left + (from - view.from) * brush.times.scale;
    brush.g.drawImage(
      front.canvas,
      (from - front.from) * front.scale,
      0,
      (to - from) * front.scale,
      front.canvas.height,
      x,
      0,
      (to - from) * brush.times.scale,
      front.canvas.height,
    );
  }

  /** @param {Bar} bar */
  #paintMark(bar) {
    const { brush, plan, view } = this;
    const { g, palette } = brush;
    const y = bar.lane >= 0 ? laneY(plan, bar.lane) : roomY(plan, bar.room);
    const first = Math.max(plan.left, xOf(brush.times, bar.lane >= 0 ? bar.served : bar.opened));
    const last = Math.min(plan.right, xOf(brush.times, Math.min(bar.closed, view.to)));
    if (last < plan.left || first > plan.right) return;
    g.strokeStyle = palette.text;
    g.lineWidth = Math.max(1, plan.ratio);
    const air = 2.5 * plan.ratio;
    g.strokeRect(first - air, y - air, Math.max(2, last - first) + 2 * air, plan.thick + 2 * air);
  }

  // -- layers -------------------------------------------------------------------------------

  #forgetLayers() {
    this.front = this.next = null;
    this.dirty = true;
    this.needs.changes = -1;
  }

  /** Have a layer that covers the view; a new one is filled while the old one is shown. @param {number} scale */
  #provide(scale) {
    const { view, plan } = this;
    const spare = view.follows ? view.seconds * SPARE : 0;
    if (!this.#covers(this.front, scale, spare) && !this.#covers(this.next, scale, 0)) {
      const before = view.seconds * (view.follows ? 0.1 : 0.5);
      const after = view.seconds * (view.follows ? AHEAD : 0.5);
      const stretch = { from: view.from - before, to: view.to + after, scale, byPid: this.brush.byPid };
      this.next = new Layer(this.model, plan, this.palette, stretch);
    }
    if (this.next?.fill(performance.now() + (this.front ? FILL_MS : FIRST_FILL_MS))) {
      this.front = this.next;
      this.next = null;
      this.dirty = true;
    } else if (this.next && !this.front) this.dirty = true;
  }

  /** @param {Layer|null} layer @param {number} scale @param {number} spare seconds */
  #covers(layer, scale, spare) {
    return (
      layer !== null &&
      layer.plan === this.plan &&
      layer.scale === scale &&
      layer.from <= this.view.from &&
      layer.to >= this.view.to + spare
    );
  }

  /** Plan for the size of the canvas and the rows that are needed. */
  #fit() {
    const { element, model, view, needs, size } = this;
    const ratio = ratioNow();
    if (ratio !== this.plan.ratio) this.palette = this.readPalette(ratio);
    const width = Math.round(size.width * ratio);
    const height = Math.round(size.height * ratio);
    const resized = element.width !== width || element.height !== height;
    if (needs.changes === model.changes && !resized && !this.#isDue()) return;
    needs.changes = model.changes;
    let lanes = 0;
    let rooms = 0;
    let found = 0;
    for (const bar of model.bars.values()) {
      if (bar.closed < view.from || bar.opened > view.to + BEHIND_SECONDS) continue;
      found += 1;
      if (bar.lane >= lanes) lanes = bar.lane + 1;
      if (bar.room >= rooms) rooms = bar.room + 1;
    }
    this.empty = found === 0;
    const now = performance.now();
    const waits = model.backlog.most(view.from, view.to) > 0;
    if (lanes >= needs.lanes && rooms >= needs.rooms && waits >= needs.waits) needs.since = now;
    const patient = now - needs.since < SHRINK_MS && !resized;
    const wanted = patient
      ? {
          lanes: Math.max(lanes, needs.lanes),
          rooms: Math.max(rooms, needs.rooms),
          waits: waits || needs.waits,
        }
      : { lanes: Math.max(1, lanes), rooms, waits };
    const same =
      wanted.lanes === needs.lanes && wanted.rooms === needs.rooms && wanted.waits === needs.waits;
    const band = this.scene.backlog !== null;
    if (same && !resized && this.plan.width === width && this.plan.band > 0 === band) {
      needs.since = Math.min(needs.since, now);
      return;
    }
    needs.lanes = wanted.lanes;
    needs.rooms = wanted.rooms;
    needs.waits = wanted.waits;
    needs.since = now;
    if (resized) {
      element.width = width;
      element.height = height;
    }
    this.plan = planOf({
      ...size,
      ratio,
      edge: size.width < NARROW ? EDGE_NARROW : EDGE,
      ...wanted,
      band,
    });
    this.dirty = true;
    this.brush.plan = this.plan;
    this.brush.palette = this.palette;
    this.brush.from = this.plan.left;
    this.brush.to = this.plan.right;
  }

  #isDue() {
    return performance.now() - this.needs.since > SHRINK_MS;
  }

  // -- asked by its component ---------------------------------------------------------------

  /** The moment at a place of the canvas. @param {number} x CSS pixels */
  timeAt(x) {
    const { plan, view } = this;
    const part = (x * plan.ratio - plan.left) / (plan.right - plan.left);
    return view.from + Math.min(1, Math.max(0, part)) * view.seconds;
  }

  /** Seconds that lie between two places. @param {number} dx CSS pixels */
  secondsIn(dx) {
    const { plan, view } = this;
    return (dx * plan.ratio * view.seconds) / (plan.right - plan.left);
  }

  /** The bar at a place, the latest where they overlap. @param {number} x @param {number} y CSS pixels */
  barAt(x, y) {
    const { plan, view, model } = this;
    const row = rowAt(plan, y * plan.ratio);
    if (!row) return null;
    const reach = this.secondsIn(4);
    const at = this.timeAt(x);
    let found = null;
    for (const bar of model.bars.values()) {
      const number = row.waits ? bar.room : bar.lane;
      if (number < row.first || number > row.last) continue;
      const from = row.waits ? bar.opened : bar.served;
      const to = Math.min(row.waits ? Math.min(bar.served, bar.closed) : bar.closed, view.to);
      if (at >= from - reach && at <= to + reach) found = bar;
    }
    return found;
  }

  /** The bars in view, lane by lane. */
  inView() {
    const { view, model } = this;
    const bars = [];
    for (const bar of model.bars.values())
      if (bar.closed >= view.from && bar.opened <= view.to) bars.push(bar);
    return bars.sort((a, b) => a.lane - b.lane || a.room - b.room || a.opened - b.opened);
  }

  /** What is drawn, for who cannot see it: a test, or a console. */
  drawn() {
    const { view } = this;
    return this.inView().map((bar) => ({
      id: bar.id,
      peer: bar.peer,
      pid: bar.pid,
      lane: bar.lane,
      room: bar.room,
      opened: bar.opened,
      waited: Math.min(bar.served, bar.closed, view.to) - bar.opened,
      isServed: bar.served <= view.to,
      isOpen: bar.closed > view.to,
      end: bar.end,
      failed: bar.failed,
      ticks: bar.ticks.length,
      ...this.placeOf(bar),
    }));
  }

  /** Where a bar lies, in CSS pixels. @param {Bar} bar */
  placeOf(bar) {
    const { plan, brush, view } = this;
    const css = (/** @type {number} */ px) => px / plan.ratio;
    const x = (/** @type {number} */ time) =>
      css(Math.min(plan.right, Math.max(plan.left, xOf(brush.times, Math.min(time, view.to)))));
    const served = bar.lane >= 0 && bar.served <= view.to;
    return {
      x: x(served ? bar.served : bar.opened),
      right: x(bar.closed),
      y: css(served ? laneY(plan, bar.lane) : roomY(plan, bar.room)),
      height: css(plan.thick),
      served,
    };
  }
}
