// @ts-check
/**
 * A tail of events that goes on upwards into what is kept, and that can be held at any moment of it.
 *
 * There are two stretches. The newest is fed by the live link, ends now, and never stops. While the
 * reader follows, it is what is shown. Once the reader holds it still, what is shown is a copy that
 * stays as it is, but for older events that are read in front of it and later ones behind it. As
 * long as the newest stretch has all that came after the copy's end the two are joined, and to read
 * on needs no call; else later events are read until they are again.
 *
 * Both are bounded: what is too many is cut off at the end that the reader is not at.
 */

import { signal } from "@preact/signals-core";
import { Stretch } from "./stretch.js";

/** @import { DeckEvent } from "../types.js" */

/**
 * Reads a page: above `after` oldest first, else newest first.
 * @typedef {(range: {before?: number, after?: number, at?: string, cursor?: string, limit: number},
 *   signal: AbortSignal) => Promise<{items: DeckEvent[], next_cursor: string|null}>} Read
 */

/** @typedef {"first"|"older"|"newer"} Part  what is being read */

/** How the shown events go on at one end. @typedef {"more"|"reading"|"failed"|"end"} Edge */

const BOUNDS = { events: 5_000, characters: 32_000_000 };
const PAGE = 250;
/** A call looks through so much; a search that found less than a screenful goes on. */
const ENOUGH = 50;
const NOWHERE = Number.MAX_SAFE_INTEGER;

export class Scrollback {
  /** @param {Read} read @param {{events: number, characters: number}} [bounds] */
  constructor(read, bounds = BOUNDS) {
    this.read = read;
    this.bounds = bounds;
    /** Grows with each change, for whoever draws it. */
    this.version = signal(0);
    this.ending = new AbortController();
    this.newest = new Stretch(NOWHERE, bounds);
    /** What is shown while it is held. @type {Stretch|null} */
    this.held = null;
    /** Who holds it. @type {"button"|"scroll"|null} */
    this.paused = null;
    /** How many came since. */
    this.missed = 0;
    /** The moment that was jumped to. @type {string|null} */
    this.moment = null;
    /** The last seq before it. */
    this.mark = 0;
    /** Whether nobody knows yet from where on the live link tells all. */
    this.isAdrift = true;
    /** Until it is known what is to be read, that is awaited. @type {Part|null} */
    this.reading = "first";
    /** @type {{part: Part, error: Error}|null} */
    this.failed = null;
  }

  /** @param {number} seq from which on the live link tells all */
  #begin(seq) {
    this.ending.abort();
    this.ending = new AbortController();
    this.newest = new Stretch(seq, this.bounds);
    this.isAdrift = seq === NOWHERE;
    this.held = null;
    this.paused = null;
    this.missed = 0;
    this.moment = null;
    this.reading = null;
    this.failed = null;
  }

  get #stretch() {
    return this.held ?? this.newest;
  }

  /** What is shown, oldest first. @returns {DeckEvent[]} */
  get shown() {
    return this.#stretch.items;
  }

  get base() {
    return this.#stretch.base;
  }

  /** Whether nothing is known yet. */
  get isLoading() {
    return this.reading === "first";
  }

  /** @returns {Edge} */
  get older() {
    return this.#edge("older", this.#stretch.from > 0);
  }

  /** @returns {Edge} */
  get newer() {
    return this.#edge("newer", !this.isJoined);
  }

  /** Whether the newest stretch has all that comes after what is shown. */
  get isJoined() {
    return !this.held || this.newest.from <= this.held.upTo;
  }

  /** @param {Part} part @param {boolean} isMore @returns {Edge} */
  #edge(part, isMore) {
    if (this.reading === part) return "reading";
    if (this.failed?.part === part || (this.failed?.part === "first" && part === "older"))
      return "failed";
    return isMore ? "more" : "end";
  }

  // -- what is shown at first ----------------------------------------------------------------

  /**
   * Begin with events that were read already, all up to `seq`.
   * @param {{items: DeckEvent[], next_cursor: string|null}} page newest first
   * @param {number} seq
   */
  seed(page, seq) {
    this.#begin(seq);
    this.#putOlder(this.newest, page);
    this.#changed();
  }

  /** Forget all; what comes until it is known what is to be read is kept for that. */
  expect() {
    this.#begin(NOWHERE);
    this.reading = "first";
    this.#changed();
  }

  /** It cannot be read at all. @param {Error} error */
  fail(error) {
    this.reading = null;
    this.failed = { part: "first", error };
    this.#changed();
  }

  /**
   * Begin anew with the newest up to `seq`, those that came since included; without it, up to
   * whatever is the newest.
   * @param {number} [seq]
   */
  async load(seq = NOWHERE) {
    const came = this.newest.items.filter((event) => event.seq > seq);
    this.#begin(seq);
    this.#take(came);
    await this.#try("first", (signal) => this.#readOlder(signal));
  }

  /**
   * Begin anew at a moment: with what was before it, and what came after.
   * @param {string} moment RFC 3339
   * @param {number} [seq] as above
   */
  async jump(moment, seq = NOWHERE) {
    const came = this.newest.items.filter((event) => event.seq > seq);
    this.#begin(seq);
    this.#take(came);
    this.moment = moment;
    this.paused = "scroll";
    this.held = new Stretch(0, this.bounds);
    await this.#try("first", async (signal) => {
      const page = await this.read({ at: moment, limit: PAGE }, signal);
      const last = page.items[0]?.seq ?? Number(page.next_cursor ?? 1) - 1;
      this.held = new Stretch(last, this.bounds);
      this.mark = last;
      this.#putOlder(this.held, page);
      await this.#readNewer(signal);
      if (this.shown.length < ENOUGH && this.#stretch.from > 0) await this.#readOlder(signal);
    });
  }

  // -- what happens --------------------------------------------------------------------------

  /** @param {readonly DeckEvent[]} events from the live link */
  push(events) {
    if (!events.length) return;
    this.#take(events);
    if (this.held) this.missed += events.length;
    this.#changed();
  }

  /** @param {readonly DeckEvent[]} events */
  #take(events) {
    const last = events[events.length - 1];
    if (!last) return;
    this.newest.append(events, last.seq);
    this.newest.cutFront();
  }

  // -- what the reader does ------------------------------------------------------------------

  /** Hold it still. @param {"button"|"scroll"} by */
  pause(by) {
    if (this.paused === "button" || this.paused === by) return;
    this.held ??= this.newest.copy();
    this.paused = by;
    this.#changed();
  }

  /** Follow again. @param {"button"|"scroll"} [by] a scroll neither undoes the button nor skips any */
  resume(by = "button") {
    if (!this.paused) return;
    if (by === "scroll" && (this.paused === "button" || !this.isJoined || this.isLoading)) return;
    this.held = null;
    this.paused = null;
    this.missed = 0;
    this.moment = null;
    this.failed = null;
    this.#changed();
  }

  /** The reader has come near the first event. */
  async atTop() {
    if (this.reading || this.older !== "more" || this.#stretch.from === NOWHERE) return;
    if (!this.held && this.newest.isFull) return;
    await this.#try("older", async (signal) => {
      await this.#readOlder(signal);
      this.held?.cutEnd();
    });
  }

  /** The reader has come near the last event. */
  async atBottom() {
    const { held } = this;
    if (!held || this.paused === "button" || this.reading || this.failed) return;
    if (!this.isJoined) await this.#try("newer", (signal) => this.#readNewer(signal));
    else if (held.upTo < this.newest.upTo) {
      this.#join(held);
      this.#changed();
    }
  }

  /** Try again to read on, where that failed. */
  async retry() {
    const part = this.failed?.part;
    this.failed = null;
    if (part === "older") await this.atTop();
    else if (part === "newer") await this.atBottom();
  }

  // -- reading -------------------------------------------------------------------------------

  /** @param {AbortSignal} signal */
  async #readOlder(signal) {
    let found = 0;
    do {
      const { from, cursor } = this.#stretch;
      const page = await this.read(
        {
          limit: PAGE,
          ...(from < NOWHERE ? { before: from + 1 } : {}),
          ...(cursor === null ? {} : { cursor }),
        },
        signal,
      );
      // Meanwhile it may have been cut there: then this is no longer what comes before.
      if (signal.aborted || this.#stretch.from !== from) return;
      found += this.#putOlder(this.#stretch, page);
      this.#changed();
    } while (found < ENOUGH && this.#stretch.from > 0);
  }

  /** @param {Stretch} stretch @param {{items: DeckEvent[], next_cursor: string|null}} page */
  #putOlder(stretch, { items, next_cursor }) {
    const events = items.filter((event) => event.seq <= stretch.from).reverse();
    const lowest = events[0]?.seq ?? stretch.from + 1;
    if (stretch.from === NOWHERE) stretch.upTo = items[0]?.seq ?? 0;
    stretch.prepend(events, next_cursor === null ? 0 : lowest - 1, next_cursor);
    return events.length;
  }

  /** @param {AbortSignal} signal */
  async #readNewer(signal) {
    const held = /** @type {Stretch} */ (this.held);
    const after = held.upTo;
    const known = this.newest.upTo === NOWHERE ? 0 : this.newest.upTo;
    let found = 0;
    /** @type {string|null} */
    let cursor = null;
    do {
      const page = await this.read(
        { after, limit: PAGE, ...(cursor === null ? {} : { cursor }) },
        signal,
      );
      if (signal.aborted || this.held !== held) return;
      // What was before the first that is kept is no news where all is read from the start.
      const events = page.items.filter(
        (event) => event.seq > held.upTo && (after > 0 || event.data["source"] !== "history"),
      );
      const last = events[events.length - 1]?.seq ?? held.upTo;
      cursor = page.next_cursor;
      // The last page tells all there was as it was asked for, and `known` was before that.
      held.append(events, cursor === null ? Math.max(last, known) : last);
      found += events.length;
      this.#changed();
    } while (cursor !== null && found < ENOUGH);
    if (this.isJoined) this.#join(held);
    held.cutFront();
  }

  /** Put behind what is held all that came since. @param {Stretch} held */
  #join(held) {
    const rest = this.newest.items.filter((event) => event.seq > held.upTo);
    held.append(rest, Math.max(held.upTo, this.newest.upTo));
    held.cutFront();
    this.missed = 0;
  }

  /** @param {Part} part @param {(signal: AbortSignal) => Promise<void>} read */
  async #try(part, read) {
    const { signal } = this.ending;
    this.reading = part;
    this.failed = null;
    this.#changed();
    try {
      await read(signal);
    } catch (error) {
      if (signal.aborted) return;
      this.failed = { part, error: /** @type {Error} */ (error) };
    }
    if (signal.aborted) return;
    this.reading = null;
    this.#changed();
  }

  #changed() {
    this.version.value += 1;
  }
}
