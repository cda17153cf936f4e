import assert from "node:assert/strict";
import { test } from "node:test";
import { Scrollback } from "../../static/js/lib/scrollback.js";

const START = Date.parse("2026-11-24T10:00:00Z");
/** An event a second. */
const event = (seq, data = {}) => ({ seq, time: new Date(START + seq * 1000).toISOString(), service: "echo", connection: 1, kind: "connection.data", data });
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, at) => event(from + at));

/** A panel's history of events, read as REST does; it can be told to fail, or to wait. */
class History {
  constructor(last) {
    this.events = range(1, last);
    this.calls = [];
    this.failing = false;
    this.held = null;
    /** How many events a call looks through. */
    this.reach = Number.POSITIVE_INFINITY;
    this.wanted = () => true;
  }
  happen(count) {
    const more = range(this.events.length + 1, this.events.length + count);
    this.events.push(...more);
    return more;
  }
  hold() {
    this.held = Promise.withResolvers?.() ?? deferred();
    return () => {
      this.held.resolve();
      this.held = null;
    };
  }
  read = async ({ before = Infinity, after, at, cursor, limit }) => {
    this.calls.push({ before, after, at, cursor });
    await this.held?.promise;
    if (this.failing) throw new Error("the panel does not answer");
    const upwards = after !== undefined;
    let among = upwards ? this.events.filter((one) => one.seq > Math.max(after, Number(cursor ?? 0))) : this.events.filter((one) => one.seq < Math.min(before, Number(cursor ?? Infinity))).reverse();
    if (at) among = among.filter((one) => one.time <= at);
    const looked = among.slice(0, this.reach);
    const items = looked.filter(this.wanted).slice(0, limit);
    const stop = items.length === limit ? items.at(-1) : looked.at(-1);
    return { items, next_cursor: stop && stop !== among.at(-1) ? String(stop.seq) : null };
  };
}

function deferred() {
  const made = {};
  made.promise = new Promise((resolve) => (made.resolve = resolve));
  return made;
}

const seqs = (tail) => tail.shown.map((one) => one.seq);
/** First, last, and that none is missing or there twice between them. */
function span(tail) {
  const shown = seqs(tail);
  assert.deepEqual(shown, range(shown[0], shown.at(-1)).map((one) => one.seq));
  return [shown[0], shown.at(-1)];
}

async function following(last = 1000, bounds) {
  const history = new History(last);
  const tail = new Scrollback(history.read, bounds);
  await tail.load(last);
  return { history, tail };
}

test("it begins with the newest, and goes on with what happens", async () => {
  const { history, tail } = await following();
  assert.deepEqual(span(tail), [751, 1000]);
  tail.push(history.happen(3));
  assert.deepEqual(span(tail), [751, 1003]);
});

test("what came while the newest were read is behind them, once", async () => {
  const history = new History(100);
  const tail = new Scrollback(history.read);
  tail.expect();
  tail.push(history.happen(2));
  const goOn = history.hold();
  const loading = tail.load(101);
  tail.push(history.happen(1));
  goOn();
  await loading;
  assert.deepEqual(span(tail), [1, 103]);
});

test("scrolled up, older events come in front, to the first that is kept", async () => {
  const { history, tail } = await following(600);
  tail.pause("scroll");
  const base = tail.base;
  await tail.atTop();
  assert.deepEqual([span(tail), base - tail.base], [[101, 600], 250]);
  await tail.atTop();
  assert.deepEqual([span(tail), tail.older], [[1, 600], "end"]);
  const calls = history.calls.length;
  await tail.atTop();
  assert.equal(history.calls.length, calls, "there is no more to ask for");
});

test("held, what comes is counted; reading on to it and following lose none", async () => {
  const { history, tail } = await following();
  tail.pause("scroll");
  tail.push(history.happen(20));
  assert.deepEqual([tail.missed, span(tail)], [20, [751, 1000]]);
  await tail.atBottom();
  assert.deepEqual([tail.missed, span(tail)], [0, [751, 1020]]);
  tail.resume("scroll");
  assert.equal(tail.paused, null);
  assert.deepEqual(span(tail), [751, 1020]);
  assert.equal(history.calls.length, 1, "what the live link told is not asked for");
});

test("held by the button, neither end nor scrolling goes on with it", async () => {
  const { history, tail } = await following();
  tail.pause("button");
  tail.push(history.happen(5));
  await tail.atBottom();
  tail.resume("scroll");
  assert.deepEqual([tail.paused, tail.missed, span(tail)], ["button", 5, [751, 1000]]);
  tail.resume();
  assert.deepEqual([tail.paused, tail.missed, span(tail)], [null, 0, [751, 1005]]);
});

test("held for long, what came since is read in pages until it joins what is live", async () => {
  const { history, tail } = await following(1000, { events: 400, characters: 1e9 });
  tail.pause("scroll");
  for (let turn = 0; turn < 6; turn += 1) tail.push(history.happen(100));
  assert.equal(tail.newer, "more", "the newest no longer reach back to what is held");
  tail.resume("scroll");
  assert.equal(tail.paused, "scroll", "following on would skip some");
  for (let turn = 0; turn < 10 && !tail.isJoined; turn += 1) await tail.atBottom();
  assert.equal(span(tail)[1], 1600);
  tail.resume("scroll");
  assert.deepEqual([tail.paused, span(tail)[1]], [null, 1600]);
});

test("a moment: what was before it and after it, and on to now", async () => {
  const history = new History(2000);
  const tail = new Scrollback(history.read);
  await tail.jump(event(500).time, 2000);
  assert.deepEqual([span(tail), tail.older, tail.newer, tail.paused], [[251, 750], "more", "more", "scroll"]);
  await tail.atTop();
  assert.deepEqual(span(tail), [1, 750]);
  tail.push(history.happen(1));
  for (let turn = 0; turn < 10 && tail.newer === "more"; turn += 1) await tail.atBottom();
  assert.deepEqual(span(tail), [1, 2001]);
  tail.resume("scroll");
  assert.deepEqual([tail.moment, tail.paused], [null, null]);
});

test("a moment before all events and one after them", async () => {
  const history = new History(300);
  const tail = new Scrollback(history.read);
  await tail.jump("2020-01-01T00:00:00Z", 300);
  assert.deepEqual([span(tail), tail.older], [[1, 250], "end"]);
  await tail.jump("2030-01-01T00:00:00Z", 300);
  assert.deepEqual([span(tail), tail.isJoined], [[51, 300], true]);
});

test("a search that finds little in one call goes on until there is a screenful", async () => {
  const history = new History(2000);
  history.reach = 100;
  history.wanted = (one) => one.seq % 20 === 0;
  const tail = new Scrollback(history.read);
  await tail.load(2000);
  assert.deepEqual([tail.shown.length, seqs(tail)[0]], [50, 1020]);
  await tail.atTop();
  assert.deepEqual([tail.shown.length, seqs(tail)[0], tail.older], [100, 20, "end"]);
});

test("what cannot be read is told, and read when asked again", async () => {
  const { history, tail } = await following(600);
  history.failing = true;
  tail.pause("scroll");
  await tail.atTop();
  assert.deepEqual([tail.older, tail.failed.error.message, span(tail)], ["failed", "the panel does not answer", [351, 600]]);
  await tail.atTop();
  assert.equal(history.calls.length, 2, "not again and again by itself");
  history.failing = false;
  await tail.retry();
  assert.deepEqual([tail.failed, span(tail)], [null, [101, 600]]);
});

test("an answer to what is no longer asked for changes nothing", async () => {
  const history = new History(300);
  const tail = new Scrollback(history.read);
  const goOn = history.hold();
  const first = tail.load(300);
  tail.expect();
  goOn();
  await first;
  assert.deepEqual([tail.shown, tail.isLoading], [[], true]);
});

test("older events do not come in front of what was cut meanwhile", async () => {
  const { history, tail } = await following(1000, { events: 300, characters: 1e9 });
  const goOn = history.hold();
  const reading = tail.atTop();
  tail.push(history.happen(200));
  goOn();
  await reading;
  assert.equal(span(tail)[1], 1200);
});

test("it is bounded in events and in text, followed or held, at either end", async () => {
  const { history, tail } = await following(3000, { events: 500, characters: 1e9 });
  for (let turn = 0; turn < 30; turn += 1) tail.push(history.happen(100));
  assert.ok(tail.shown.length <= 550 && span(tail)[1] === 6000);
  tail.pause("scroll");
  for (let turn = 0; turn < 5; turn += 1) await tail.atTop();
  assert.ok(tail.shown.length <= 500);
  assert.equal(tail.newer, "more");
  for (let turn = 0; turn < 30 && !tail.isJoined; turn += 1) await tail.atBottom();
  assert.ok(tail.shown.length <= 550 && span(tail)[1] === 6000);

  const heavy = new Scrollback(history.read, { events: 500, characters: 100_000 });
  heavy.push(Array.from({ length: 50 }, (_, at) => event(at + 1, { traceback: "x".repeat(10_000) })));
  assert.ok(heavy.shown.length <= 11 && heavy.shown.at(-1).seq === 50);
});
