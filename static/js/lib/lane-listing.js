// @ts-check
/**
 * What the lanes cannot know by events: who was there before, who came and went in a gap between
 * them, and all where nothing is recorded. The list of connections tells then.
 */

import { serverNow } from "./clock.js";
import { Ring } from "./ring.js";

/** @import { Connection, DeckEvent } from "../types.js" */
/** @import { LaneModel } from "./lanes.js" */

const AGAIN_MS = 2_000;
/** Connections, open or closed, that the lanes begin with. */
const LATELY = 200;
/** As many as there are lanes. */
const OPEN_MOST = 500;
const ENDED_KEPT = 4_000;

/** @typedef {(query: Record<string, any>) => Promise<{items: Connection[], next_cursor: string|null}>} Ask */

export class LaneListing {
  /** @param {LaneModel} lanes @param {Ask} ask `GET /connections`, of the service */
  constructor(lanes, ask) {
    this.lanes = lanes;
    this.ask = ask;
    /** That have closed of late: an answer on its way may have them as open. @type {Ring<number>} */
    this.ended = new Ring(ENDED_KEPT);
    this.newest = 0;
    this.asking = false;
    this.askAgain = false;
  }

  /** @param {DeckEvent} event */
  apply(event) {
    const id = event.connection ?? 0;
    if (event.kind === "connection.closed") this.ended.push(id);
    this.newest = Math.max(this.newest, id);
    this.lanes.apply(event);
  }

  /** Begin with those that were there of late. @param {DeckEvent[]} past what is known of their data */
  async recall(past) {
    try {
      const { items, next_cursor } = await this.ask({ state: "all", limit: LATELY });
      this.#load(items);
      const oldest = items.at(-1);
      if (next_cursor !== null && oldest) this.lanes.knownFrom = Date.parse(oldest.opened_at) / 1000;
    } catch {
      // They begin with what happens from now on.
    }
    this.lanes.note(past);
  }

  /** Ask who is open: where events do not tell all of them. */
  async resync() {
    this.askAgain = this.asking;
    if (this.asking) return;
    this.asking = true;
    const { newest } = this;
    try {
      const { items, next_cursor } = await this.ask({ limit: OPEN_MOST });
      this.#load(items);
      if (next_cursor === null)
        this.lanes.keepOpen(new Set(items.map((one) => one.id)), newest, serverNow());
    } catch {
      // The link says so already; the next one will do.
    }
    setTimeout(() => {
      this.asking = false;
      if (this.askAgain) void this.resync();
    }, AGAIN_MS);
  }

  /** None that has closed is opened again. @param {Connection[]} items */
  #load(items) {
    const ended = new Set(this.ended.items);
    this.lanes.load(items.filter((one) => one.state === "closed" || !ended.has(one.id)));
    for (const one of items) this.newest = Math.max(this.newest, one.id);
  }
}
