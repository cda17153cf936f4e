// @ts-check
/**
 * What stands behind the page of events: which are looked at, as the address bar has it, and the
 * scrollback of them, fed by the live link from now on and by REST with what is kept.
 */

import { effect, signal } from "@preact/signals-core";
import { call, query } from "../api.js";
import { pathOf, readView, wholeFilter } from "./event-view.js";
import { checkFilter } from "./filter-check.js";
import { Scrollback } from "./scrollback.js";

/** @import { Live } from "../live.js" */
/** @import { Group } from "./events.js" */
/** @import { View } from "./event-view.js" */

/** Where there is no live link yet, what is kept is shown without waiting for it. */
const LINK_WITHIN_MS = 1_500;

export class EventFeed {
  constructor() {
    /** The link, once there is one. @type {Promise<Live>} */
    this.opened = new Promise(() => {});
    /** @type {import("@preact/signals-core").Signal<View>} */
    this.view = signal(readView(location.search));
    /** Why the live link does not tell of these events. */
    this.refused = signal("");
    /** Whether the filter is none. */
    this.isWrong = signal(false);
    /** How many events have come by the live link, those included that were folded. */
    this.came = 0;
    this.tail = new Scrollback(async (range, ending) => {
      const wanted = query({ filter: wholeFilter(this.view.peek()), ...range });
      return (await call("GET", `/events${wanted}`, undefined, { signal: ending })).body;
    });
    this.asked = 0;
    /** Ends following. */
    this.end = () => {};
    addEventListener("popstate", () => {
      this.view.value = readView(location.search);
      this.ask();
    });
    // Whoever follows again, by a button or by having read on to now, is at no moment any more.
    effect(() => {
      void this.tail.version.value;
      if (this.tail.paused || this.tail.isLoading || this.view.peek().at === null) return;
      this.view.value = { ...this.view.peek(), at: null };
      history.replaceState(null, "", pathOf(this.view.peek()));
    });
  }

  /**
   * Begin with what the server put into the page.
   * @param {{items: any[], next_cursor: string|null}|null} page null: nothing yet
   * @param {number} seq
   * @param {Promise<Live>} opened
   */
  begin(page, seq, opened) {
    this.opened = opened;
    if (!page) return this.ask();
    this.tail.seed(page, seq);
    return this.#follow("", seq, () => {});
  }

  /** Look at something else. @param {Partial<View>} change */
  look(change) {
    this.view.value = { ...this.view.peek(), ...change };
    history.pushState(null, "", pathOf(this.view.peek()));
    this.ask();
  }

  /** Leave a group of kinds out, or no longer. @param {Group} group */
  toggle(group) {
    const { hidden } = this.view.peek();
    const isHidden = hidden.includes(group);
    this.look({ hidden: isHidden ? hidden.filter((one) => one !== group) : [...hidden, group] });
  }

  /** Try again what failed. */
  retry() {
    return this.tail.failed?.part === "first" ? this.ask() : this.tail.retry();
  }

  /** Ask for what is to be looked at, from the beginning. */
  async ask() {
    const { at, ...rest } = this.view.peek();
    this.asked += 1;
    const mine = this.asked;
    this.end();
    this.refused.value = "";
    this.isWrong.value = false;
    this.tail.expect();
    try {
      const { normal } = await checkFilter(wholeFilter({ at, ...rest }));
      if (this.asked !== mine) return;
      this.isWrong.value = normal === null;
      if (normal === null) return;
      await this.#follow(normal, null, (seq) =>
        at === null ? this.tail.load(seq) : this.tail.jump(at, seq),
      );
    } catch (error) {
      if (this.asked === mine) this.tail.fail(/** @type {Error} */ (error));
    }
  }

  /**
   * Follow what a filter means. Once it is known from where on the live link tells all, and where
   * that takes too long without that, what is kept is read.
   * @param {string} filter tidied, as the frames of it have it
   * @param {number|null} after as far as the page knows them
   * @param {(seq?: number) => unknown} read
   */
  async #follow(filter, after, read) {
    const mine = this.asked;
    let hasRead = false;
    const late = () => {
      if (!hasRead && this.asked === mine) read();
      hasRead = true;
    };
    const timer = setTimeout(late, LINK_WITHIN_MS);
    const live = await this.opened;
    if (this.asked !== mine) return;
    this.end = live.subscribe("events", filter ? { filter } : {}, after, {
      onSnapshot: (_, seq) => {
        clearTimeout(timer);
        if (!hasRead || this.tail.isAdrift) read(seq);
        hasRead = true;
      },
      onFrame: (frame) => {
        this.came += frame.events.length + (frame.folded?.count ?? 0);
        this.tail.push(frame.events);
      },
      onRefused: (why) => {
        clearTimeout(timer);
        this.refused.value = why;
        late();
      },
    });
  }
}
