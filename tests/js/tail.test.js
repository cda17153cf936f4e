import assert from "node:assert/strict";
import { test } from "node:test";
import { Tail } from "../../static/js/lib/tail.js";

const event = (seq, kind = "connection.data", connection = 1) => ({ seq, time: "2026-11-23T10:00:00Z", service: "echo", connection, kind, data: {} });
const shown = (tail) => tail.shown.map((one) => one.seq);

test("while paused, events are counted, not pushed in", () => {
  const tail = new Tail();
  tail.push([event(1)]);
  tail.pause("button");
  tail.push([event(2), event(3)]);
  assert.deepEqual([shown(tail), tail.missed], [[1], 2]);
  tail.resume();
  assert.deepEqual([shown(tail), tail.missed], [[1, 2, 3], 0]);
});

test("scrolling back down does not undo the button", () => {
  const tail = new Tail();
  tail.pause("scroll");
  tail.pause("button");
  tail.resume("scroll");
  assert.equal(tail.paused, "button");
  tail.pause("scroll");
  tail.resume("button");
  assert.equal(tail.paused, null);
});

test("kinds and a connection filter what is shown, never what is missing", () => {
  const tail = new Tail();
  tail.push([event(1), event(2, "connection.opened"), event(3, "events.dropped", null), event(4, "connection.data", 2)]);
  tail.toggle("data");
  assert.deepEqual(shown(tail), [2, 3]);
  tail.toggle("data");
  tail.only(2);
  assert.deepEqual(shown(tail), [3, 4]);
  tail.only(null);
  assert.deepEqual(shown(tail), [1, 2, 3, 4]);
});

test("a pause counts only what would be shown", () => {
  const tail = new Tail();
  tail.toggle("data");
  tail.pause("button");
  tail.push([event(1), event(2, "connection.closed")]);
  assert.equal(tail.missed, 1);
});

test("what was before stands before, once", () => {
  const tail = new Tail();
  tail.push([event(5), event(6)]);
  tail.seed([event(6), event(5), event(4), event(3)]);
  assert.deepEqual(shown(tail), [3, 4, 5, 6]);
});

test("it is bounded, shown and kept", () => {
  const tail = new Tail(100);
  for (let seq = 1; seq <= 1000; seq += 1) tail.push([event(seq)]);
  assert.ok(tail.shown.length <= 111 && tail.ring.length === 100);
  assert.equal(shown(tail).at(-1), 1000);
});
