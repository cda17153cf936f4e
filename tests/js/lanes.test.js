import assert from "node:assert/strict";
import { test } from "node:test";
import { LANES, LONGEST_VIEW_SECONDS, LaneModel, tickHeight } from "../../static/js/lib/lanes.js";

const at = (seconds) => new Date(seconds * 1000).toISOString();
const event = (kind, connection, seconds, data = {}) => ({ seq: 1, time: at(seconds), service: "s", connection, kind: `connection.${kind}`, data });

test("those that overlap have lanes of their own, those that follow share one", () => {
  const model = new LaneModel();
  model.apply(event("opened", 1, 100));
  model.apply(event("opened", 2, 101));
  model.apply(event("closed", 1, 102, { reason: "client_closed" }));
  model.apply(event("opened", 3, 103));
  assert.deepEqual([1, 2, 3].map((id) => model.bars.get(id).lane), [0, 1, 0]);
});

test("a bar ends as its connection did", () => {
  const model = new LaneModel();
  for (const [id, reason] of [[1, "client_closed"], [2, "killed"], [3, "handler_error"]]) {
    model.apply(event("opened", id, 100));
    model.apply(event("closed", id, 105, { reason }));
  }
  assert.deepEqual([1, 2, 3].map((id) => model.bars.get(id).tone), ["closed", "cut", "error"]);
});

test("data are ticks, out below the line; many are bounded", () => {
  const model = new LaneModel();
  model.apply(event("opened", 1, 100));
  model.apply(event("data", 1, 101, { direction: "in", length: 5 }));
  model.apply(event("data", 1, 102, { direction: "out", length: 9 }));
  const bar = model.bars.get(1);
  assert.deepEqual([bar.sizes, bar.bytesIn, bar.bytesOut], [[5, -9], 5, 9]);
  for (let tick = 0; tick < 5000; tick += 1) model.apply(event("data", 1, 103, { direction: "in", length: 1 }));
  assert.ok(bar.times.length <= 600);
  assert.equal(bar.bytesIn, 5005);
});

test("what left the longest view is forgotten, what is open never", () => {
  const model = new LaneModel();
  model.load([{ id: 1, peer: null, opened_at: at(10), bytes: { in: 1, out: 2 } }]);
  model.apply(event("opened", 2, 20));
  model.apply(event("closed", 2, 21, { reason: "killed" }));
  model.trim(22 + LONGEST_VIEW_SECONDS);
  assert.deepEqual([...model.bars.keys()], [1]);
  assert.deepEqual(model.within(1000, 1001).map((bar) => bar.id), [1]);
});

test("who comes while every lane is taken gets no bar, and leaves none taken", () => {
  const model = new LaneModel();
  for (let id = 1; id <= 3 * LANES; id += 1) model.apply(event("opened", id, 100));
  assert.equal(model.bars.size, LANES);
  for (let id = 1; id <= 3 * LANES; id += 1) model.apply(event("closed", id, 101, { reason: "client_closed" }));
  model.apply(event("opened", 9999, 102));
  assert.equal(model.bars.get(9999).lane, 0);
});

test("of too many bars the oldest that closed go, none that is open", () => {
  const model = new LaneModel();
  model.apply(event("opened", 1, 100));
  for (let id = 2; id <= 6000; id += 1) {
    model.apply(event("opened", id, 100 + id / 100));
    model.apply(event("closed", id, 100 + id / 100, { reason: "client_closed" }));
  }
  model.trim(161);
  assert.equal(model.bars.size, 4000);
  assert.deepEqual([model.bars.has(1), model.bars.has(6000), model.bars.has(2)], [true, true, false]);
});

const listed = (id, from, to, more = {}) => ({
  id, peer: null, opened_at: at(from), closed_at: to ? at(to) : null, close_reason: to ? "client_closed" : null, error: null,
  bytes: { in: 3, out: 4 }, ...more,
});

test("those that were there of late share lanes as if they had been seen", () => {
  const model = new LaneModel();
  model.load([listed(3, 105)]);
  model.load([listed(3, 105), listed(2, 101, 104), listed(1, 100, 102, { close_reason: "handler_error", error: { type: "E" } })]);
  assert.deepEqual([1, 2, 3].map((id) => model.bars.get(id).lane), [0, 1, 0]);
  assert.deepEqual([model.bars.get(1).tone, model.bars.get(1).failed, model.bars.get(2).closed], ["error", true, 104]);
  model.apply(event("opened", 4, 106));
  assert.equal(model.bars.get(4).lane, 1);
});

test("data of the past are ticks before the others, in sums already", () => {
  const model = new LaneModel();
  model.load([listed(1, 100)]);
  model.apply(event("data", 1, 103, { direction: "in", length: 5 }));
  model.note([
    event("opened", 1, 100), event("data", 1, 101, { direction: "in", length: 3 }), event("data", 1, 102, { direction: "out", length: 4 }),
    event("data", 9, 102, { direction: "out", length: 4 }),
  ]);
  const bar = model.bars.get(1);
  assert.deepEqual([bar.times, bar.sizes, bar.bytesIn, bar.bytesOut], [[101, 102, 103], [3, -4, 5], 8, 4]);
});

test("what the server no longer lists has ended, unless it came after", () => {
  const model = new LaneModel();
  for (const id of [1, 2, 3]) model.apply(event("opened", id, 100 + id));
  model.keepOpen(new Set([2]), 2, 110);
  assert.deepEqual([1, 2, 3].map((id) => model.bars.get(id).closed), [110, Infinity, Infinity]);
  model.load([{ id: 2, peer: null, opened_at: at(1), bytes: { in: 1, out: 2 } }]);
  assert.equal(model.bars.get(2).opened, 102, "known ones stay as they are");
});

test("one byte and many both show", () => {
  assert.ok(tickHeight(1, 5) >= 1.5 && tickHeight(65_000, 5) <= 5 && tickHeight(65_000, 5) > tickHeight(1, 5));
});
