import assert from "node:assert/strict";
import { test } from "node:test";
import { LONGEST_VIEW_SECONDS, LaneModel, tickHeight } from "../../static/js/lib/lanes.js";

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
