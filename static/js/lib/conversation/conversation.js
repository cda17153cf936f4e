// @ts-check
/**
 * A conversation of any length, of which a stretch is held: the last part, or where somebody reads.
 *
 * REST is the truth, with pages in both directions; the live link adds to the end. While the stretch
 * reaches the end and nobody holds it, new messages are put on; else they are counted, and what was
 * not kept is read from REST once somebody scrolls down to it. At the bound the far side goes: the
 * oldest while one follows the tail, the newest while one reads back.
 */

import { signal } from "@preact/signals-core";
import { fromEvent, fromRest, isCut, weightOf } from "./messages.js";

/** @import { DeckEvent } from "../../types.js" */
/** @import { Entry, Mark, Message } from "./messages.js" */

/**
 * A page of messages, oldest first; the cursor says whether there is more in its direction.
 * @typedef {{items: any[], next_cursor: string|null}} Page
 */

/**
 * How messages are asked for: `before` for the last ones below a seq, `after` for the first above.
 * @typedef {(asked: {before?: number, after?: number, cursor?: string, limit: number}) => Promise<Page>} Ask
 */

const PAGE = 200;
const MARKS = 500;
const WAITING = 500;

/** Above every seq: REST's own bound would not survive as a number here. */
export const END = Number.MAX_SAFE_INTEGER;

/**
 * Whether an event stands in a conversation: its beginning and end are told elsewhere, and what was
 * sent from here is among the messages.
 * @param {DeckEvent} event
 */
const belongs = ({ kind, data }) =>
  kind === "connection.data" ||
  kind === "connection.error" ||
  kind === "service.log" ||
  kind === "events.dropped" ||
  (kind === "audit" && data["action"] === "connection.close");

export class Conversation {
  /**
   * @param {Ask} ask
   * @param {{entries?: number, bytes?: number}} [bounds]
   */
  constructor(ask, { entries = 3_000, bytes = 8 << 20 } = {}) {
    this.ask = ask;
    this.mostEntries = entries;
    this.mostBytes = bytes;
    /** What is held, oldest first. @type {Entry[]} */
    this.entries = [];
    this.weight = 0;
    /** Whether there are older ones, and newer ones, than are held. */
    this.hasOlder = false;
    this.hasNewer = false;
    /** Who holds it still: the reader by the button, or by having scrolled up. */
    this.held = /** @type {"button"|"scroll"|null} */ (null);
    /** Messages that came since and are not among those held. */
    this.missed = 0;
    /** The newest that there is. */
    this.newest = 0;
    this.loading = false;
    /** What the last page could not be had for. */
    this.problem = "";
    /** @type {Entry[]} */
    this.waiting = [];
    /** Whether `waiting` lost some of those that came. */
    this.overflowed = false;
    /** @type {Mark[]} */
    this.marks = [];
    /** Of what is asked for at this moment; an answer to another asking is dropped. */
    this.asking = 0;
    /** Grows with each change, for whoever draws it. */
    this.version = signal(0);
  }

  /** Whether the stretch goes on by itself as messages come. */
  get isLive() {
    return !this.held && !this.hasNewer;
  }

  /**
   * What the page came with: the end of the conversation.
   * @param {Page} page
   * @param {DeckEvent[]} marks
   */
  begin(page, marks) {
    for (const event of marks.filter(belongs))
      this.#keepMark(/** @type {Mark} */ (fromEvent(event)));
    this.#replace(page.items.map(fromRest), page.next_cursor !== null, false);
  }

  /** What a frame brought. @param {DeckEvent[]} events */
  push(events) {
    let changed = false;
    for (const event of events) {
      if (event.seq <= this.newest) continue;
      this.newest = event.seq;
      if (!belongs(event)) continue;
      const entry = fromEvent(event);
      if (entry.is === "mark") this.#keepMark(entry);
      changed = true;
      if (this.isLive) this.#add(entry);
      else this.#wait(entry);
    }
    if (!changed) return;
    if (this.isLive) this.#trim("start");
    this.#changed();
    this.#complete();
  }

  /** @param {"button"|"scroll"} by */
  hold(by) {
    if (this.held === "button" || this.held === by) return;
    this.held = by;
    this.#changed();
  }

  /**
   * Go on with the tail; where more came than waits here, from REST.
   * @param {"button"|"scroll"} [by] a scroll does not undo the button
   */
  async release(by = "button") {
    if (by === "scroll" && (this.held !== "scroll" || this.hasNewer)) return;
    this.held = null;
    if (this.hasNewer || this.overflowed) {
      await this.toEnd();
      return;
    }
    for (const entry of this.#takeWaiting()) this.#add(entry);
    this.#trim("start");
    this.#changed();
    this.#complete();
  }

  /** To the last messages. */
  async toEnd() {
    this.held = null;
    if (!this.hasNewer && !this.overflowed) return this.release();
    return this.#load({ before: END, limit: PAGE }, (page) => {
      this.#replace(page.items.map(fromRest), page.next_cursor !== null, false);
      for (const entry of this.#takeWaiting()) this.#add(entry);
    });
  }

  /** To the first messages there are. */
  async toStart() {
    if (!this.hasOlder) return undefined;
    this.held ??= "scroll";
    return this.#load({ limit: PAGE }, (page) =>
      this.#replace(page.items.map(fromRest), false, page.next_cursor !== null),
    );
  }

  /** To where a message is, which is held then. @param {number} seq */
  async toSeq(seq) {
    return this.holds(seq) ? undefined : this.readAgain(seq);
  }

  /**
   * What is around a message as history has it: all that a frame folded or left out.
   * @param {number} seq
   */
  async readAgain(seq) {
    this.held ??= "scroll";
    this.marks = this.marks.filter((mark) => mark.event.data["source"] !== "live");
    return this.#load({ before: seq, limit: PAGE / 2 }, async (older) => {
      const newer = await this.ask({ after: seq - 1, limit: PAGE });
      const items = [...older.items, ...newer.items].map(fromRest);
      this.#replace(items, older.next_cursor !== null, newer.next_cursor !== null);
    });
  }

  /** Whether a message is among those held. @param {number} seq */
  holds(seq) {
    return this.entries.some((entry) => entry.seq === seq && entry.is === "message");
  }

  /** The page in front of what is held. */
  async older() {
    const first = this.entries.find((entry) => entry.is === "message");
    if (!this.hasOlder || this.loading || !first) return undefined;
    return this.#load({ before: first.seq, limit: PAGE }, (page) => {
      this.hasOlder = page.next_cursor !== null;
      this.entries = this.#merged(page.items.map(fromRest), this.entries);
      this.#weigh();
      this.#trim("end");
    });
  }

  /** The page behind what is held, where that is not the end. */
  async newer() {
    const last = this.entries.findLast((entry) => entry.is === "message");
    if (!this.hasNewer || this.loading || !last) return undefined;
    return this.#load({ after: last.seq, limit: PAGE }, (page) => {
      this.hasNewer = page.next_cursor !== null;
      this.entries = this.#merged(this.entries, page.items.map(fromRest));
      this.#weigh();
      this.#trim("start");
      const end = this.entries.at(-1)?.seq ?? 0;
      if (this.hasNewer) return;
      // It has reached what waits: those that are behind it are still to come.
      this.waiting = this.waiting.filter((entry) => entry.seq > end);
      this.overflowed = false;
      this.missed = this.waiting.length;
    });
  }

  // -- within ---------------------------------------------------------------------------------

  /** @param {Entry} entry */
  #add(entry) {
    if (entry.seq <= (this.entries.at(-1)?.seq ?? -1)) return;
    this.entries.push(entry);
    this.weight += weightOf(entry);
  }

  /** @param {Entry} entry */
  #wait(entry) {
    if (entry.is === "message") this.missed += entry.count;
    this.waiting.push(entry);
    if (this.waiting.length <= WAITING) return;
    this.waiting.shift();
    this.overflowed = true;
    this.hasNewer = true;
  }

  #takeWaiting() {
    const waiting = this.waiting;
    this.waiting = [];
    this.missed = 0;
    this.overflowed = false;
    return waiting;
  }

  /** @param {Mark} mark */
  #keepMark(mark) {
    this.marks.push(mark);
    if (this.marks.length > MARKS) this.marks.shift();
    this.newest = Math.max(this.newest, mark.seq);
  }

  /**
   * @param {Message[]} messages
   * @param {boolean} hasOlder
   * @param {boolean} hasNewer
   */
  #replace(messages, hasOlder, hasNewer) {
    this.hasOlder = hasOlder;
    this.hasNewer = hasNewer;
    this.entries = this.#merged(messages, []);
    this.#weigh();
    this.newest = Math.max(this.newest, this.entries.at(-1)?.seq ?? 0);
    this.#changed();
  }

  /**
   * Two stretches as one, each seq once, with the marks that belong between.
   * @param {Entry[]} first
   * @param {Entry[]} second
   */
  #merged(first, second) {
    /** @type {Map<number, Entry>} */
    const bySeq = new Map();
    for (const entry of [...first, ...second]) bySeq.set(entry.seq, entry);
    const messages = [...bySeq.values()].filter((entry) => entry.is === "message");
    const low = this.hasOlder ? (messages[0]?.seq ?? 0) : 0;
    const high = this.hasNewer ? (messages.at(-1)?.seq ?? END) : END;
    for (const mark of this.marks)
      if (mark.seq >= low && mark.seq <= high) bySeq.set(mark.seq, mark);
    return [...bySeq.values()].sort((a, b) => a.seq - b.seq);
  }

  #weigh() {
    this.weight = this.entries.reduce((sum, entry) => sum + weightOf(entry), 0);
  }

  /** Keep within the bounds; what goes can be had again. @param {"start"|"end"} from */
  #trim(from) {
    let over = 0;
    const { entries } = this;
    const isOver = () =>
      entries.length - over > this.mostEntries || (this.weight > this.mostBytes && entries.length - over > 1);
    while (isOver()) {
      const gone = from === "start" ? entries[over] : entries[entries.length - 1 - over];
      this.weight -= weightOf(/** @type {Entry} */ (gone));
      over += 1;
    }
    if (over === 0) return;
    if (from === "start") {
      entries.splice(0, over);
      this.hasOlder = true;
    } else {
      entries.splice(entries.length - over);
      this.hasNewer = true;
    }
  }

  /**
   * @param {{before?: number, after?: number, limit: number}} asked
   * @param {(page: Page) => void|Promise<void>} then
   */
  async #load(asked, then) {
    this.asking += 1;
    const mine = this.asking;
    this.loading = true;
    this.problem = "";
    this.#changed();
    try {
      const page = await this.ask(asked);
      if (mine === this.asking) await then(page);
    } catch (error) {
      if (mine === this.asking)
        this.problem = error instanceof Error ? error.message : String(error);
    } finally {
      if (mine === this.asking) {
        this.loading = false;
        this.#changed();
      }
    }
  }

  /** Have whole what a frame could carry only the beginning of. */
  async #complete() {
    if (this.loading || this.problem) return;
    const cut = this.entries.find((entry) => entry.is === "message" && isCut(entry));
    if (!cut) return;
    await this.#load({ after: cut.seq - 1, limit: PAGE }, (page) => {
      const whole = new Map(page.items.map((item) => [item.seq, item]));
      const until = page.items.at(-1)?.seq ?? cut.seq;
      this.entries = this.entries.map((entry) => {
        if (entry.is !== "message" || !isCut(entry) || entry.seq > until) return entry;
        const item = whole.get(entry.seq);
        // Folded ones are no more in history than they were told: what came is all there is.
        return item && entry.count === (item.count ?? 1) ? fromRest(item) : { ...entry, live: false };
      });
      this.#weigh();
      this.#trim("start");
    });
    this.#complete();
  }

  #changed() {
    this.version.value += 1;
  }
}
