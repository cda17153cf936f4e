// @ts-check
/**
 * A layer that is drawn once and shown many times: all data, and the bars that have closed, over a
 * longer stretch of time than is shown. A frame copies a window of it, so that what has not changed is
 * not drawn again. It is filled a few milliseconds at a time; what happens meanwhile is drawn at once,
 * and drawn again in its turn, which makes no difference.
 */

import { paintBar, paintTick, paintTicks } from "./lanes-paint.js";

/** @import { Bar, LaneModel } from "../lib/lanes.js" */
/** @import { Brush } from "./lanes-paint.js" */
/** @import { Palette } from "./lanes-palette.js" */
/** @import { Plan } from "./lanes-plan.js" */

/** Drawn between two looks at the clock. */
const BARS_AT_ONCE = 16;

export class Layer {
  /**
   * @param {LaneModel} model
   * @param {Plan} plan
   * @param {Palette} palette
   * @param {{from: number, to: number, scale: number, byPid: boolean}} stretch  what it covers, in
   *   seconds, and the canvas's pixels a second
   */
  constructor(model, plan, palette, { from, to, scale, byPid }) {
    this.model = model;
    this.plan = plan;
    this.from = from;
    this.to = to;
    this.scale = scale;
    this.canvas = document.createElement("canvas");
    this.canvas.width = Math.max(1, Math.ceil((to - from) * scale));
    this.canvas.height = plan.height;
    /** @type {Brush} */
    this.brush = {
      g: /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d")),
      plan,
      times: { origin: from, scale, shift: 0 },
      palette,
      from: 0,
      to: this.canvas.width,
      byPid,
    };
    this.rest = model.bars.values();
    this.isReady = false;
  }

  /** Go on filling it, until a moment of `performance.now`; whether it is ready. @param {number} until */
  fill(until) {
    while (!this.isReady && performance.now() < until) {
      for (let count = 0; count < BARS_AT_ONCE; count += 1) {
        const { value: bar, done } = this.rest.next();
        if (done) {
          this.isReady = true;
          break;
        }
        this.bar(bar);
      }
    }
    return this.isReady;
  }

  /** Draw what does not change any more of a bar. @param {Bar} bar */
  bar(bar) {
    if (bar.closed < this.from || bar.opened > this.to) return;
    if (bar.place < 0) paintBar(this.brush, bar, bar.closed);
    paintTicks(this.brush, bar);
  }

  /** @param {Bar} bar @param {number} time @param {number} size */
  tick(bar, time, size) {
    paintTick(this.brush, bar, time, size);
  }
}
