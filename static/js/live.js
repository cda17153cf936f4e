// @ts-check
/**
 * The live link: Socket.IO, namespace /live.
 *
 * A page subscribes to topics and gets their frames, each event once and in order, over any number of
 * lost and regained links: every topic remembers the last `seq` it has given on, asks for what came
 * `after` it when the link is back, and lets nothing through twice. A frame is acknowledged after the
 * page was painted with it; as the server keeps one frame in flight, a slow browser slows its own
 * frames and nobody else.
 */

import { signal } from "@preact/signals-core";

/** @import { Frame } from "./types.js" */

/**
 * @typedef {object} LinkState
 * @property {"connecting"|"live"|"lost"|"refused"|"signed-out"} is
 * @property {number} since  when it became so, in milliseconds since the epoch
 * @property {number|null} latency  of a round trip, in milliseconds
 * @property {string} why  where it is lost or refused
 */

/**
 * @typedef {object} Reader
 * @property {(snapshot: any, seq: number) => void} [onSnapshot]
 * @property {(frame: Frame) => void} onFrame
 * @property {(problem: string) => void} [onRefused]
 */

/**
 * What is used of a Socket.IO client.
 * @typedef {object} SocketLike
 * @property {(event: string, handler: (...args: any[]) => void) => unknown} on
 * @property {(event: string, ...args: any[]) => unknown} emit
 * @property {() => unknown} connect
 * @property {() => unknown} disconnect
 * @property {boolean} [active]
 */

const PING_EVERY_MS = 10_000;
const ANSWER_WITHIN_MS = 10_000;
const PAINT_WITHIN_MS = 250;

class Topic {
  /**
   * @param {string} topic
   * @param {Record<string, any>} params
   * @param {number|null} after
   * @param {Reader} reader
   */
  constructor(topic, params, after, reader) {
    this.topic = topic;
    this.params = params;
    this.reader = reader;
    /** The last event that was given on; null: from the answer to the subscription on. */
    this.seen = after;
  }

  /** @param {Frame} frame */
  take(frame) {
    // Of what was asked for before: a link has one subscription to events, and a frame of the last
    // one may be on its way while the next begins.
    if ((frame.filter ?? "") !== (this.params["filter"] ?? "")) return;
    const seen = this.seen ?? 0;
    const events = frame.events.filter((event) => event.seq > seen);
    this.seen = Math.max(seen, frame.seq_to ?? 0, events[events.length - 1]?.seq ?? 0);
    this.reader.onFrame(events.length === frame.events.length ? frame : { ...frame, events });
  }
}

/** @param {string} topic @param {Record<string, any>} params */
const keyOf = (topic, params) => `${topic}:${params["name"] ?? params["id"] ?? ""}`;

export class Live {
  /**
   * @param {SocketLike} socket not yet connected, or connecting
   * @param {{
   *   painted?: (then: () => void) => void, now?: () => number, renew?: () => void,
   * }} [world] for tests
   */
  constructor(socket, world = {}) {
    this.socket = socket;
    this.now = world.now ?? Date.now;
    this.painted = world.painted ?? afterPaint;
    /** The page, once its session is another one: what it calls with is of the one that ended. */
    this.renew = world.renew ?? (() => location.reload());
    this.sessionEnded = false;
    /** @type {import("@preact/signals-core").Signal<LinkState>} */
    this.state = signal({ is: "connecting", since: this.now(), latency: null, why: "" });
    /** @type {Map<string, Topic>} */
    this.topics = new Map();
    this.up = false;
    socket.on("connect", () => this.#connected());
    socket.on("disconnect", (reason) => this.#lost(String(reason ?? "")));
    socket.on("connect_error", (error) => this.#failed(error));
    socket.on("frame", (frame, acknowledge) => this.#frame(frame, acknowledge));
  }

  /**
   * Follow a topic from `after` on; the answer ends it. One that follows the same topic is replaced.
   * @param {string} topic
   * @param {Record<string, any>} params `name`, `id`, `filter`
   * @param {number|null} after the `seq` up to which the page knows; null: from now on
   * @param {Reader} reader
   * @returns {() => void}
   */
  subscribe(topic, params, after, reader) {
    const key = keyOf(topic, params);
    const entry = new Topic(topic, params, after, reader);
    this.topics.set(key, entry);
    if (this.up) this.#ask(entry);
    return () => {
      if (this.topics.get(key) !== entry) return;
      this.topics.delete(key);
      if (this.up) this.socket.emit("unsubscribe", { topic, ...params });
    };
  }

  /** Measure a round trip. */
  ping() {
    if (!this.up) return;
    const sent = this.now();
    this.socket.emit("ping", () => this.#set({ latency: this.now() - sent }));
  }

  /**
   * Try at once, where the link is lost: the client's own pause between two tries is broken off.
   */
  retry() {
    if (this.up) return;
    this.socket.disconnect();
    this.socket.connect();
  }

  #connected() {
    if (this.sessionEnded) return this.renew();
    this.up = true;
    this.#set({ is: "live", since: this.now(), why: "" });
    for (const entry of this.topics.values()) this.#ask(entry);
    if (this.topics.size === 0) this.ping();
    return undefined;
  }

  /** @param {Topic} entry */
  #ask(entry) {
    const sent = this.now();
    this.socket.emit(
      "subscribe",
      {
        topic: entry.topic,
        ...entry.params,
        ...(entry.seen === null ? {} : { after: entry.seen }),
      },
      (/** @type {any} */ answer) => {
        this.#set({ latency: this.now() - sent });
        if (this.topics.get(keyOf(entry.topic, entry.params)) !== entry) return;
        if (!answer?.ok) return entry.reader.onRefused?.(answer?.error ?? "the panel refused this");
        entry.seen ??= Number(answer.seq);
        return entry.reader.onSnapshot?.(answer.snapshot, answer.seq);
      },
    );
  }

  /** @param {Frame} frame @param {(() => void)|undefined} acknowledge */
  #frame(frame, acknowledge) {
    const entry = this.topics.get(keyOf(frame.topic, frame));
    try {
      entry?.take(frame);
    } finally {
      this.painted(() => acknowledge?.());
    }
  }

  /** @param {string} reason */
  #lost(reason) {
    this.up = false;
    this.#set({ is: "lost", since: this.now(), why: reason, latency: null });
    // The server ended it: the client does not try again by itself then.
    if (reason === "io server disconnect") this.socket.connect();
  }

  /** @param {Error & {data?: {status?: number}}} error */
  #failed(error) {
    const refused = this.socket.active === false;
    const before = this.state.value;
    const signedOut = refused && error?.data?.status === 401;
    this.sessionEnded ||= signedOut;
    const is = signedOut ? "signed-out" : refused ? "refused" : "lost";
    this.#set({
      is,
      since: before.is === "live" || before.is === "connecting" ? this.now() : before.since,
      why: error?.message ?? "",
    });
  }

  /** @param {Partial<LinkState>} change */
  #set(change) {
    this.state.value = { ...this.state.value, ...change };
  }
}

/**
 * Call back once the page was painted, or soon where it is hidden and never is.
 * @param {() => void} then
 */
function afterPaint(then) {
  let done = false;
  const once = () => {
    if (done) return;
    done = true;
    then();
  };
  if (document.hidden) once();
  else {
    requestAnimationFrame(() => setTimeout(once));
    setTimeout(once, PAINT_WITHIN_MS);
  }
}

/** @type {Live|null} */
let link = null;

/** The page's one live link, opened at the first call. @returns {Promise<Live>} */
export async function live() {
  if (link) return link;
  const { io } = await import("socket.io-client");
  const socket = io("/live", {
    transports: ["websocket"],
    reconnectionDelay: 400,
    reconnectionDelayMax: 3_000,
    timeout: ANSWER_WITHIN_MS,
  });
  link ??= new Live(/** @type {any} */ (socket));
  const opened = link;
  setInterval(() => {
    if (!document.hidden) opened.ping();
  }, PING_EVERY_MS);
  // Somebody is back at a sleeping machine, or the machine is back on its network.
  addEventListener("online", () => opened.retry());
  document.addEventListener("visibilitychange", () => document.hidden || opened.retry());
  return opened;
}
