import assert from "node:assert/strict";
import { test } from "node:test";
import { BARS, LANES, LaneModel, endOf } from "../../static/js/lib/lanes.js";

const at = (seconds) => new Date(seconds * 1000).toISOString();
const event = (kind, connection, seconds, data = {}) => ({ seq: 1, time: at(seconds), service: "s", connection, kind: `connection.${kind}`, data });
const lanesOf = (model, ids) => ids.map((id) => model.bars.get(id).lane);
const ticksOf = ({ ticks }) => Array.from({ length: ticks.length }, (_, place) => [ticks.time(place), ticks.size(place)]);

test("those that overlap have lanes of their own", () => {
  const model = new LaneModel();
  for (const id of [1, 2, 3]) model.apply(event("opened", id, 100 + id));
  assert.deepEqual(lanesOf(model, [1, 2, 3]), [0, 1, 2]);
});

test("those that are served one after the other are in one lane, however close they are", () => {
  const model = new LaneModel();
  for (let id = 1; id <= 50; id += 1) {
    model.apply(event("opened", id, 100 + id / 1000));
    model.apply(event("closed", id, 100 + id / 1000 + 0.001, { reason: "client_closed" }));
  }
  assert.deepEqual(new Set([...model.bars.values()].map((bar) => bar.lane)), new Set([0]));
});

test("who waits has a row apart, and a lane once it is served", () => {
  const model = new LaneModel();
  model.apply(event("opened", 1, 100));
  model.apply(event("opened", 2, 101, { waiting: true }));
  model.apply(event("opened", 3, 101.5, { waiting: true }));
  const [second, third] = [2, 3].map((id) => model.bars.get(id));
  assert.deepEqual([second.lane, second.room, second.served], [-1, 0, Infinity]);
  assert.equal(third.room, 1);
  model.apply(event("closed", 1, 103, { reason: "client_closed" }));
  model.apply(event("served", 2, 103, { waited: 2, thread: "pool-1", pid: 7 }));
  assert.deepEqual([second.lane, second.served, second.thread], [0, 103, "pool-1"]);
  model.apply(event("opened", 4, 104, { waiting: true }));
  assert.equal(model.bars.get(4).room, 0, "the row is free again");
  model.apply(event("closed", 3, 105, { reason: "service_stopped" }));
  assert.deepEqual([third.lane, third.served, third.closed], [-1, Infinity, 105], "it was never served");
});

test("a child's pid is known at once", () => {
  const model = new LaneModel();
  model.apply(event("opened", 1, 100, { peer: "127.0.0.1:9", pid: 4711 }));
  assert.equal(model.bars.get(1).pid, 4711);
});

test("a bar ends as its connection did", () => {
  const ends = ["client_closed", "server_closed", "killed", "idle_timeout", "client_reset", "handler_error", "child_signalled", null].map(endOf);
  assert.deepEqual(ends, ["clean", "clean", "cut", "cut", "reset", "error", "error", "clean"]);
  const model = new LaneModel();
  model.apply(event("opened", 1, 100));
  model.apply(event("closed", 1, 105, { reason: "client_reset" }));
  assert.deepEqual([model.bars.get(1).end, model.bars.get(1).closed, model.open.length], ["reset", 105, 0]);
});

test("data are ticks and sums", () => {
  const model = new LaneModel();
  model.apply(event("opened", 1, 100));
  model.apply(event("data", 1, 101, { direction: "in", length: 5 }));
  model.apply(event("data", 1, 102, { direction: "out", length: 9 }));
  const bar = model.bars.get(1);
  assert.deepEqual(ticksOf(bar), [[101, 5], [102, -9]]);
  assert.deepEqual([bar.bytesIn, bar.bytesOut], [5, 9]);
});

test("of too many bars the oldest that closed go, none that is open, and it is known from when on", () => {
  const model = new LaneModel();
  model.apply(event("opened", 1, 100));
  for (let id = 2; id <= 3 * BARS; id += 1) {
    model.apply(event("opened", id, 100 + id / 100));
    model.apply(event("closed", id, 100 + id / 100, { reason: "client_closed" }));
  }
  assert.ok(model.bars.size <= BARS + 300);
  assert.deepEqual([model.bars.has(1), model.bars.has(3 * BARS), model.bars.has(2)], [true, true, false]);
  const oldest = [...model.bars.values()][1];
  assert.ok(model.knownFrom > 100 && model.knownFrom < oldest.opened);
});

test("who comes while every lane is taken gets no bar, and leaves none taken", () => {
  const model = new LaneModel();
  for (let id = 1; id <= 3 * LANES; id += 1) model.apply(event("opened", id, 100));
  assert.equal(model.bars.size, LANES);
  for (let id = 1; id <= 3 * LANES; id += 1) model.apply(event("closed", id, 101, { reason: "client_closed" }));
  assert.equal(model.open.length, 0);
  model.apply(event("opened", 9999, 102));
  assert.equal(model.bars.get(9999).lane, 0);
});

const listed = (id, from, to, more = {}) => ({
  id, peer: null, opened_at: at(from), closed_at: to ? at(to) : null, close_reason: to ? "client_closed" : null, error: null,
  bytes: { in: 3, out: 4 }, waited: null, thread: "t", pid: 1, ...more,
});

test("those that were there of late share lanes as if they had been seen", () => {
  const model = new LaneModel();
  model.load([listed(3, 105)]);
  model.load([listed(3, 105), listed(2, 101, 104), listed(1, 100, 102, { close_reason: "handler_error", error: { type: "E" } })]);
  assert.deepEqual(lanesOf(model, [1, 2, 3]), [0, 1, 0]);
  assert.deepEqual([model.bars.get(1).end, model.bars.get(1).failed, model.bars.get(2).closed], ["error", true, 104]);
  assert.deepEqual(model.open.map((bar) => bar.id), [3]);
  model.apply(event("opened", 4, 106));
  assert.equal(model.bars.get(4).lane, 1);
});

test("those that were loaded have waited as long as the list says", () => {
  const model = new LaneModel();
  model.load([listed(1, 100, 110, { waited: 4 }), listed(2, 100, null, { waited: 9, thread: null }), listed(3, 100, 103, { waited: 3, thread: null })]);
  assert.deepEqual([1, 2, 3].map((id) => model.bars.get(id).served), [104, Infinity, Infinity]);
  assert.deepEqual([1, 2, 3].map((id) => model.bars.get(id).lane >= 0), [true, false, false]);
});

test("a known one that the list says has closed is closed", () => {
  const model = new LaneModel();
  model.load([listed(1, 100)]);
  model.load([listed(1, 100, 105), listed(2, 106)]);
  assert.deepEqual([model.bars.get(1).closed, ...lanesOf(model, [1, 2])], [105, 0, 0]);
  model.apply(event("closed", 1, 107, { reason: "killed" }));
  assert.equal(model.bars.get(1).closed, 105, "once");
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
  assert.deepEqual(ticksOf(bar), [[101, 3], [102, -4], [103, 5]]);
  assert.deepEqual([bar.bytesIn, bar.bytesOut], [8, 4]);
});

test("what the server no longer lists has ended, unless it came after", () => {
  const model = new LaneModel();
  for (const id of [1, 2, 3]) model.apply(event("opened", id, 100 + id));
  model.keepOpen(new Set([2]), 2, 110);
  assert.deepEqual([1, 2, 3].map((id) => model.bars.get(id).closed), [110, Infinity, Infinity]);
  model.load([listed(2, 1)]);
  assert.equal(model.bars.get(2).opened, 102, "known ones stay as they are");
});

test("whoever draws it is told what is new", () => {
  const told = [];
  const model = new LaneModel();
  model.painter = {
    ticked: (bar, time, size) => told.push(["ticked", bar.id, time, size]),
    closed: (bar) => told.push(["closed", bar.id]),
    rearranged: () => told.push(["rearranged"]),
  };
  model.load([listed(1, 100)]);
  model.apply(event("data", 1, 101, { direction: "out", length: 2 }));
  model.apply(event("closed", 1, 102, { reason: "killed" }));
  assert.deepEqual(told, [["rearranged"], ["ticked", 1, 101, -2], ["closed", 1]]);
});

test("what a status tells of the backlog is kept", () => {
  const model = new LaneModel();
  const status = (backlog) => ({ connections: { open: 1, total: 1, rejected: 0, waiting: { backlog, queue: 0 } } });
  for (const [time, count] of [[1, 0], [2, 3], [3, 3], [4, 1], [5, null]]) model.observe(status(count), time);
  const { backlog } = model;
  assert.deepEqual(Array.from({ length: backlog.length }, (_, place) => [backlog.time(place), backlog.count(place)]), [[2, 3], [4, 1], [5, 0]]);
});
