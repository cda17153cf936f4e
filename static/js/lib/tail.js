// @ts-check
/**
 * The tail of events behind a list: the newest at the end, bounded, filtered, and held still while
 * somebody reads. What comes meanwhile is counted and kept (within the bound), not pushed in.
 */

import { signal } from "@preact/signals-core";
import { Ring } from "./ring.js";
import { groupOf } from "./events.js";

/** @import { DeckEvent } from "../types.js" */
/** @import { Group } from "./events.js" */

export class Tail {
  /** @param {number} [capacity] events kept */
  constructor(capacity = 5_000) {
    this.capacity = capacity;
    /** @type {Ring<DeckEvent>} */
    this.ring = new Ring(capacity);
    /** What is shown, oldest first. @type {DeckEvent[]} */
    this.shown = [];
    /** @type {Set<Group>} */
    this.hidden = new Set();
    /** @type {number|null} */
    this.connection = null;
    /**
     * Who holds it still: the reader by the button, or by having scrolled up.
     * @type {"button"|"scroll"|null}
     */
    this.paused = null;
    /** How many that would be shown came since. */
    this.missed = 0;
    /** Grows with each change, for whoever draws it. */
    this.version = signal(0);
  }

  /** @param {DeckEvent[]} events */
  push(events) {
    let wanted = 0;
    for (const event of events) {
      this.ring.push(event);
      if (!this.#wants(event)) continue;
      wanted += 1;
      if (!this.paused) this.shown.push(event);
    }
    if (this.paused) this.missed += wanted;
    else if (this.shown.length > this.capacity * 1.1)
      this.shown.splice(0, this.shown.length - this.capacity);
    if (events.length) this.#changed();
  }

  /**
   * Put what happened before the first event in front of it.
   * @param {DeckEvent[]} events in any order
   */
  seed(events) {
    const first = this.ring.at(0)?.seq ?? Number.POSITIVE_INFINITY;
    const later = this.ring.slice();
    const earlier = events.filter((event) => event.seq < first).sort((a, b) => a.seq - b.seq);
    this.ring.clear();
    for (const event of [...earlier, ...later]) this.ring.push(event);
    this.#refill();
  }

  /** @param {"button"|"scroll"} by */
  pause(by) {
    if (this.paused === "button" || this.paused === by) return;
    this.paused = by;
    this.#changed();
  }

  /** @param {"button"|"scroll"} [by] a scroll does not undo the button */
  resume(by = "button") {
    if (!this.paused || (by === "scroll" && this.paused === "button")) return;
    this.paused = null;
    this.missed = 0;
    this.#refill();
  }

  /** @param {Group} group */
  toggle(group) {
    if (!this.hidden.delete(group)) this.hidden.add(group);
    this.#refill();
  }

  /** Only one connection's, or all. @param {number|null} id */
  only(id) {
    this.connection = id;
    this.#refill();
  }

  clear() {
    this.ring.clear();
    this.missed = 0;
    this.#refill();
  }

  /** The newest that there is, shown or not. */
  get newest() {
    return this.ring.last;
  }

  /** @param {DeckEvent} event */
  #wants(event) {
    if (
      this.connection !== null &&
      event.connection !== this.connection &&
      event.kind !== "events.dropped"
    )
      return false;
    const group = groupOf(event);
    return group === null || !this.hidden.has(group);
  }

  #refill() {
    this.shown = this.ring.slice().filter((event) => this.#wants(event));
    if (this.paused) this.missed = 0;
    this.#changed();
  }

  #changed() {
    this.version.value += 1;
  }
}
