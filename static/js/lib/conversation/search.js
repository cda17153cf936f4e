// @ts-check
/**
 * A search through all of a conversation, page by page: what is in memory is a part of it.
 *
 * Hits are kept as places, up to a bound; it goes on by itself with what comes while it stands.
 */

import { signal } from "@preact/signals-core";
import { decodeBase64 } from "../payload.js";
import { findAll } from "./needle.js";

/** @import { Ask } from "./conversation.js" */
/** @import { Needle } from "./needle.js" */

/** @typedef {{seq: number, offset: number}} Hit */

const PAGE = 500;

export class Search {
  /** @param {Ask} ask @param {number} [most] hits kept */
  constructor(ask, most = 10_000) {
    this.ask = ask;
    this.most = most;
    /** @type {Needle|null} */
    this.needle = null;
    /** Oldest first. @type {Hit[]} */
    this.hits = [];
    /** Which of them the reader is at; -1: none yet. */
    this.at = -1;
    this.searched = 0;
    this.running = false;
    this.problem = "";
    this.until = 0;
    this.round = 0;
    this.version = signal(0);
  }

  /** Whether there are more hits than are kept. */
  get isFull() {
    return this.hits.length >= this.most;
  }

  /** @returns {Hit|null} */
  get current() {
    return this.hits[this.at] ?? null;
  }

  /** Search for this from now on. @param {Needle|null} needle */
  async start(needle) {
    this.round += 1;
    this.needle = needle;
    this.hits = [];
    this.at = -1;
    this.searched = 0;
    this.until = 0;
    this.running = false;
    this.problem = "";
    this.version.value += 1;
    await this.goOn();
  }

  /** Go on to the end of what there is by now. */
  async goOn() {
    const { needle } = this;
    if (!needle || this.running || this.isFull) return;
    const mine = this.round;
    this.running = true;
    this.problem = "";
    try {
      let more = true;
      while (more && !this.isFull) {
        const page = await this.ask({ after: this.until, limit: PAGE });
        if (mine !== this.round) return;
        for (const item of page.items) this.#look(item, needle);
        this.searched += page.items.length;
        this.until = page.items.at(-1)?.seq ?? Math.max(this.until, Number(page.next_cursor ?? 0));
        more = page.next_cursor !== null;
        this.version.value += 1;
      }
    } catch (error) {
      if (mine === this.round) this.problem = error instanceof Error ? error.message : String(error);
    } finally {
      if (mine === this.round) {
        this.running = false;
        this.version.value += 1;
      }
    }
  }

  /**
   * The next hit, or the one before; from none, the first at or behind `from`.
   * @param {1|-1} way
   * @param {number} from  a seq
   * @returns {Hit|null}
   */
  step(way, from) {
    const count = this.hits.length;
    if (count === 0) return null;
    if (this.at < 0) {
      const ahead = this.hits.findIndex((hit) => hit.seq >= from);
      if (way > 0) this.at = Math.max(0, ahead);
      else this.at = ((ahead < 0 ? count : ahead) - 1 + count) % count;
    } else this.at = (this.at + way + count) % count;
    this.version.value += 1;
    return this.current;
  }

  /** @param {any} item @param {Needle} needle */
  #look(item, needle) {
    if (typeof item.data !== "string") return;
    for (const offset of findAll(decodeBase64(item.data), needle, this.most - this.hits.length))
      this.hits.push({ seq: item.seq, offset });
  }
}
