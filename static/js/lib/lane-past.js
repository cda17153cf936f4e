// @ts-check
/**
 * Lanes of a time that is not in memory any more: asked of the panel's history where somebody looks
 * there, for the stretch that is shown and what is around it. One stretch is kept.
 */

import { LaneModel } from "./lanes.js";

/** @import { Connection, DeckEvent } from "../types.js" */
/** @import { LaneView } from "./lane-view.js" */

/** Who drags does not stop at each moment. */
const SETTLED_MS = 200;

/**
 * @typedef {object} Source  asks for what was; each rejects where it cannot be had
 * @property {(from: number, to: number) => Promise<Connection[]>} connections  those that were open
 *   at any time between, in seconds
 * @property {(from: number, to: number) => Promise<DeckEvent[]>} data  oldest first
 */

export class Past {
  /** @param {LaneModel} live @param {Source} source */
  constructor(live, source) {
    this.live = live;
    this.source = source;
    /** @type {{from: number, to: number, model: LaneModel}|null} */
    this.kept = null;
    this.isLoading = false;
    this.timer = /** @type {any} */ (0);
    this.asked = 0;
    /** Called when something has come. */
    this.onLoaded = () => {};
  }

  /**
   * Have what fits a view be shown, now if it is there; what is not is asked for.
   * @param {LaneView} view
   * @param {(model: LaneModel) => void} show
   */
  want(view, show) {
    clearTimeout(this.timer);
    if (view.follows || view.from >= this.live.knownFrom) {
      show(this.live);
      return;
    }
    if (this.kept && this.kept.from <= view.from && this.kept.to >= view.to) {
      show(this.kept.model);
      return;
    }
    const { from, to } = view;
    const around = view.seconds / 2;
    this.timer = setTimeout(() => this.#ask(from - around, to + around), SETTLED_MS);
  }

  /** @param {number} from @param {number} to */
  async #ask(from, to) {
    this.asked += 1;
    const turn = this.asked;
    this.isLoading = true;
    try {
      const model = new LaneModel();
      model.load(await this.source.connections(from, to));
      model.note(await this.source.data(from, to).catch(() => []));
      if (turn !== this.asked) return;
      this.kept = { from, to, model };
    } catch {
      return; // What is in memory is shown; moving on asks again.
    } finally {
      if (turn === this.asked) this.isLoading = false;
    }
    this.onLoaded();
  }
}
