import assert from "node:assert/strict";
import { test } from "node:test";
import { isRoomy, laneY, planOf, roomY, rowAt } from "../../static/js/components/lanes-plan.js";
import { BacklogHistory } from "../../static/js/lib/lane-backlog.js";
import { Past } from "../../static/js/lib/lane-past.js";
import { TICKS, Ticks, tickHeight } from "../../static/js/lib/lane-ticks.js";
import { LONGEST_SECONDS, LaneView, SHORTEST_SECONDS, stepFor } from "../../static/js/lib/lane-view.js";
import { boundOf } from "../../static/js/lib/lane-words.js";
import { LaneModel } from "../../static/js/lib/lanes.js";

// -- ticks ----------------------------------------------------------------------------------

const all = (ticks) => Array.from({ length: ticks.length }, (_, place) => [ticks.time(place), ticks.size(place)]);

test("many ticks are bounded, the oldest go", () => {
  const ticks = new Ticks();
  for (let count = 0; count < 3 * TICKS; count += 1) ticks.push(count, count % 2 ? -1 : 1);
  assert.equal(ticks.length, TICKS);
  assert.deepEqual([ticks.time(0), ticks.time(TICKS - 1)], [2 * TICKS, 3 * TICKS - 1]);
  assert.equal(ticks.times.length, TICKS);
});

test("what no zoom tells apart is one tick, each direction its own", () => {
  const ticks = new Ticks();
  for (let count = 0; count < 4; count += 1) {
    ticks.push(100 + count / 10_000, 10);
    ticks.push(100 + count / 10_000, -1);
  }
  ticks.push(101, 5);
  assert.deepEqual(all(ticks), [[100, 40], [100, -4], [101, 5]]);
});

test("one byte and many both show", () => {
  assert.ok(tickHeight(1, 5) >= 1.5 && tickHeight(65_000, 5) <= 5 && tickHeight(65_000, 5) > tickHeight(1, 5));
});

// -- the backlog ----------------------------------------------------------------------------

test("the backlog's steps are those that reach into a view, and bounded", () => {
  const history = new BacklogHistory();
  assert.deepEqual([history.last, history.most(0, 100)], [0, 0]);
  for (const [time, count] of [[10, 2], [20, 5], [30, 1]]) history.push(time, count);
  assert.deepEqual([history.most(0, 9), history.most(12, 15), history.most(15, 25), history.most(40, 50)], [0, 2, 5, 1]);
  for (let count = 0; count < 10_000; count += 1) history.push(100 + count, 1 + (count % 2));
  assert.equal(history.length, 2_000);
  assert.equal(history.time(0), 8_100);
});

// -- the view -------------------------------------------------------------------------------

test("a view follows now until it is held or moved", () => {
  const view = new LaneView(30);
  view.pass(100);
  assert.deepEqual([view.from, view.to], [70, 100]);
  view.hold();
  view.pass(110);
  assert.equal(view.to, 100);
  view.follow();
  assert.equal(view.to, 110);
  view.pan(20);
  assert.deepEqual([view.to, view.follows], [90, false]);
  view.pan(-500);
  assert.deepEqual([view.to, view.follows], [110, true], "now is as far as it goes");
});

test("a zoom leaves the moment where it is that it is about", () => {
  const view = new LaneView(30);
  view.pass(100);
  view.zoom(0.5, 80);
  assert.deepEqual([view.from, view.to, view.follows], [75, 90, false]);
  view.zoom(2, 80);
  assert.deepEqual([view.from, view.to], [70, 100]);
  view.zoom(0.5);
  assert.deepEqual([view.seconds, view.to, view.follows], [15, 100, true], "by the keys: about now, while it follows");
  view.zoom(1e-9);
  assert.equal(view.seconds, SHORTEST_SECONDS);
  view.zoom(1e9);
  assert.equal(view.seconds, LONGEST_SECONDS);
});

test("the scale has round steps", () => {
  assert.deepEqual([stepFor(30, 10), stepFor(2, 10), stepFor(600, 10)], [5, 0.2, 60]);
});

// -- the plan -------------------------------------------------------------------------------

const plan = (more) => planOf({ width: 1000, height: 240, ratio: 1, edge: 100, lanes: 1, rooms: 0, band: true, waits: true, ...more });

test("all rows have room, in whole pixels, and above each other in order", () => {
  for (const ratio of [1, 1.25, 2, 3])
    for (const [lanes, rooms] of [[1, 0], [3, 4], [40, 12], [150, 0], [500, 0], [500, 500]]) {
      const made = plan({ ratio, lanes, rooms });
      const rows = [...Array(lanes).keys()].map((lane) => laneY(made, lane));
      rows.push(...[...Array(rooms).keys()].map((room) => roomY(made, room)));
      assert.deepEqual(rows, [...rows].sort((a, b) => a - b));
      assert.ok(rows.every(Number.isInteger), `whole pixels at ${ratio}`);
      assert.ok(rows.at(-1) + made.thick <= made.band, `${lanes}+${rooms} at ${ratio} end above the band`);
    }
});

test("few have names, and their data above and below; very many share rows", () => {
  assert.ok(plan({ lanes: 3 }).thick >= 10 && isRoomy(plan({ lanes: 30 })));
  assert.ok(!isRoomy(plan({ lanes: 100 })));
  assert.equal(plan({ lanes: 100 }).each, 1);
  assert.equal(plan({ lanes: 500 }).each, 3);
});

test("a place leads to its row", () => {
  const made = plan({ lanes: 3, rooms: 2 });
  assert.deepEqual(rowAt(made, laneY(made, 1) + 2), { waits: false, first: 1, last: 1 });
  assert.deepEqual(rowAt(made, roomY(made, 1) + 2), { waits: true, first: 1, last: 1 });
  assert.equal(rowAt(made, made.foot), null);
  const crowded = plan({ lanes: 500 });
  assert.deepEqual(rowAt(crowded, laneY(crowded, 7)), { waits: false, first: 6, last: 8 });
});

test("each way of serving has its bound", () => {
  const of = (concurrency, pool_size = 64) => boundOf({ concurrency, pool_size }).most;
  assert.deepEqual([of("sync"), of("pool", 3), of("forking"), of("threading")], [1, 3, 40, Infinity]);
});

// -- the past -------------------------------------------------------------------------------

const opened = (id, from, to) => ({
  id, peer: null, opened_at: new Date(from * 1000).toISOString(), closed_at: new Date(to * 1000).toISOString(),
  close_reason: "client_closed", error: null, bytes: { in: 0, out: 0 }, waited: null,
});

test("what is not in memory is asked for once somebody looks there", async () => {
  const live = new LaneModel();
  live.knownFrom = 1_000;
  const asked = [];
  const past = new Past(live, {
    connections: async (from, to) => (asked.push([from, to]), [opened(1, 510, 520)]),
    data: async () => [],
  });
  const view = new LaneView(30);
  const shown = [];
  const show = (model) => shown.push(model === live ? "live" : [...model.bars.keys()]);
  const loaded = new Promise((done) => (past.onLoaded = done));
  view.pass(2_000);
  past.want(view, show);
  view.pan(500);
  past.want(view, show);
  assert.deepEqual(shown, ["live", "live"]);
  view.pan(970);
  past.want(view, show);
  await loaded;
  past.want(view, show);
  view.pan(5);
  past.want(view, show);
  assert.deepEqual(shown.slice(2), [[1], [1]], "what is around it came with it");
  assert.deepEqual(asked, [[485, 545]]);
  view.follow();
  past.want(view, show);
  assert.equal(shown.at(-1), "live");
});
