// @ts-check
/**
 * What a page knows of its table of connections: what is asked for, as the address bar has it, the
 * list of it, and what is selected. One signal (`version`) tells that any of it has changed.
 */

import { signal } from "@preact/signals";
import { get, query } from "../api.js";
import { ConnectionList } from "./connection-list.js";
import { readView, sameView, writeView } from "./connection-view.js";
import { Selection } from "./selection.js";

/** @import { DeckEvent } from "../types.js" */
/** @import { Answer } from "./connection-list.js" */
/** @import { View } from "./connection-view.js" */

/** What is typed is asked for when the typing rests. */
const TYPED_MS = 200;

export class Connections {
  /**
   * @param {string|null} service the one whose page it is; null: of all
   * @param {Answer & {problem?: any}} answer what the page came with
   */
  constructor(service, answer) {
    this.service = service;
    this.version = signal(0);
    this.view = signal(readView(location.search, service));
    this.selection = new Selection();
    this.list = new ConnectionList(this.view.value, {
      ask: (asked) => get(`/connections${query(asked)}`),
      changed: () => this.touch(),
    });
    this.typing = 0;
    if (answer.problem) this.list.problem = answer.problem;
    else this.list.begin(answer);
    addEventListener("popstate", () => this.#turn(readView(location.search, service)));
  }

  /** Something has changed. */
  touch() {
    this.version.value += 1;
  }

  /**
   * Ask for others, or for another order. What is typed changes the address in place, what is chosen
   * is a step back and forth.
   * @param {View} next
   * @param {{typed?: boolean}} [how]
   */
  ask(next, { typed = false } = {}) {
    if (sameView(next, this.view.value)) return;
    const address = location.pathname + writeView(next, this.service) + location.hash;
    if (typed) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
    this.#turn(next, typed ? TYPED_MS : 0);
  }

  /** @param {DeckEvent[]} events */
  take(events) {
    for (const event of events)
      if (event.kind === "connection.closed" && event.connection !== null)
        if (this.selection.drop(event.connection)) this.touch();
    this.list.apply(events);
  }

  /** What events of the past say of last bytes; their counts are in the list. @param {DeckEvent[]} events */
  note(events) {
    this.list.note(events);
  }

  /** Once a second. */
  tick() {
    if (!document.hidden) this.list.tick();
    // What closed without an event that says so is selected no more either.
    for (const id of this.selection.some.keys())
      if (this.list.rows.get(id)?.state === "closed") this.selection.drop(id);
  }

  /** @param {View} next @param {number} [wait] milliseconds */
  #turn(next, wait = 0) {
    if (sameView(next, this.view.value)) return;
    // Others are meant then: nobody closes what was selected among those before.
    if (!sameView({ ...next, sort: "" }, { ...this.view.value, sort: "" })) this.selection.clear();
    this.view.value = next;
    this.touch();
    clearTimeout(this.typing);
    if (wait === 0) void this.list.show(next);
    else this.typing = setTimeout(() => void this.list.show(next), wait);
  }
}
