import assert from "node:assert/strict";
import { test } from "node:test";
import { ChartModel, decades, niceTop } from "../../static/js/lib/charts.js";

const NAMES = ["open", "connections", "bytes_in", "bytes_out", "errors", "p50", "p95", "p99"];

/** An answer of the panel: `count` steps that end at `to`, each with the same values. */
function answer(to, count, { step = 1, values = {}, restarts = [], since = 1, into = 0 } = {}) {
  const from = to - count * step;
  return {
    ...{ step, from, to, since, restarts },
    totals: { connections: 0, bytes_in: into, bytes_out: 0, errors: 0 },
    times: Array.from({ length: count }, (_, at) => from + at * step),
    ...Object.fromEntries(
      NAMES.map((name) => [name, Array(count).fill(name in values ? values[name] : 0)]),
    ),
  };
}

/** A status by what was counted so far; one with something going on, unless `quiet`. */
const status = ({ open = 0, total = 0, into = 0, out = 0, errors = 0, latest = null, quiet }) => ({
  generation: 1,
  connections: { open, total },
  bytes: { in: into, out },
  errors,
  rates: { "60s": { connections: quiet ? 0 : 1 } },
  handling: { latest },
});

function loaded(window = "1m", given = {}) {
  const model = new ChartModel(window);
  model.load(answer(1000, 60, { into: 5000, ...given }), status({ into: 4000 }));
  return model;
}

const tail = (model, name, count) => model.lines[name].slice(-count);

test("a live chart goes on from the counters, a second at a time, and forgets what is old", () => {
  const model = loaded();
  assert.equal(model.tick(1000.9, status({ into: 9999 })), false);
  assert.equal(model.tick(1001.2, status({ into: 5300, open: 2, total: 3 })), true);
  assert.equal(model.tick(1002.2, status({ into: 5400, open: 1, total: 3, errors: 2 })), true);
  assert.deepEqual(model.times.slice(-3), [999, 1000, 1001]);
  assert.deepEqual(tail(model, "bytes_in", 3), [0, 300, 100]);
  assert.deepEqual(tail(model, "open", 3), [0, 2, 1]);
  assert.deepEqual(tail(model, "connections", 2), [3, 0]);
  assert.deepEqual(tail(model, "errors", 2), [0, 2]);
  assert.equal(model.times.length, 60);
  assert.equal(model.times[0], 942);
});

test("a status that is late is waited for, and its growth is of all the seconds", () => {
  const model = loaded();
  const first = status({ into: 5000 });
  model.tick(1001, first);
  assert.equal(model.tick(1002, first), false);
  assert.equal(model.tick(1003, first), false);
  model.tick(1004, status({ into: 5600 }));
  assert.deepEqual(tail(model, "bytes_in", 3), [200, 200, 200]);
});

test("a status of before the answer is not what the lines go on from", () => {
  const model = new ChartModel("1m");
  const old = status({ into: 4000, quiet: true });
  model.load(answer(1000, 60, { into: 5000 }), old);
  assert.equal(model.tick(1001, old), false);
  model.tick(1002, status({ into: 5080 }));
  assert.deepEqual(tail(model, "bytes_in", 3), [0, 40, 40]);
});

test("a quiet service has the same status, and nothing happens in it", () => {
  const model = loaded();
  const quiet = status({ into: 5000, open: 4, quiet: true });
  for (const at of [1001, 1002, 1003]) assert.equal(model.tick(at, quiet), true);
  assert.deepEqual(tail(model, "bytes_in", 3), [0, 0, 0]);
  assert.deepEqual(tail(model, "open", 3), [4, 4, 4]);
});

test("without the link nobody knows; what is loaded again fills the gap", () => {
  const model = loaded();
  model.tick(1001, status({ into: 5100 }));
  model.tick(1002, null);
  model.tick(1003, null);
  assert.deepEqual(tail(model, "bytes_in", 3), [100, null, null]);
  model.load(
    answer(1003, 60, { values: { bytes_in: 7 }, restarts: [1001.5], into: 5200 }),
    status({ into: 5100 }),
  );
  assert.deepEqual(tail(model, "bytes_in", 3), [7, 7, 7]);
  assert.deepEqual(model.restarts, [1001.5]);
  model.tick(1004, status({ into: 5260 }));
  assert.equal(model.last("bytes_in"), 60);
});

test("a page that saw nothing for long does not make a peak of it", () => {
  const model = loaded();
  model.tick(1030, status({ into: 9_000_000 }));
  assert.deepEqual(tail(model, "bytes_in", 3), [null, null, null]);
  model.tick(1031, status({ into: 9_000_050 }));
  assert.equal(model.last("bytes_in"), 50);
  model.tick(9000, status({ into: 9_000_050 }));
  assert.equal(model.times.length, 60);
});

test("counters that begin anew count from zero", () => {
  const model = loaded();
  model.tick(1001, status({ into: 40 }));
  assert.equal(model.last("bytes_in"), 40);
});

test("an answer that is behind does not take back what was seen since", () => {
  const model = loaded();
  model.tick(1001, status({ into: 5100 }));
  model.tick(1002, status({ into: 5300 }));
  model.load(answer(1001, 60, { values: { bytes_in: 1 } }), status({ into: 5300 }));
  assert.deepEqual(tail(model, "bytes_in", 3), [1, 1, 200]);
  assert.equal(model.times.length, 60);
});

test("quantiles stand in the second that they are of", () => {
  const model = loaded("1m", { values: { p50: null, p95: null, p99: null } });
  const latest = { second: 1000, p50: 0.1, p95: 0.2, p99: 0.3 };
  assert.equal(model.note(status({ latest })), false);
  model.tick(1001, status({ latest }));
  assert.deepEqual(tail(model, "p99", 2), [null, 0.3]);
  model.tick(1002, status({ latest }));
  assert.deepEqual(tail(model, "p95", 3), [null, 0.2, null]);
  assert.equal(model.note(status({ latest: { ...latest, second: 1001, p99: 0.4 } })), true);
  assert.equal(model.note(status({ latest: { ...latest, second: 1001, p99: 0.4 } })), false);
  assert.equal(model.shown.lines.p99.at(-1), 0.4);
  assert.equal(model.note(status({ latest: { ...latest, second: 5 } })), false);
});

test("a minute grows while it lasts, and is asked for once when it is over", () => {
  const model = new ChartModel("24h");
  const given = answer(1200, 20, { step: 60, values: { bytes_in: 10, p99: null } });
  model.load({ ...given, to: 1170 }, status({ into: 0 }));
  model.tick(1171, status({ into: 310 }));
  assert.equal(model.times.at(-1), 1140);
  assert.equal(model.last("bytes_in"), (10 * 30 + 310) / 31);
  assert.equal(model.minuteToAsk(), null);
  for (let at = 1172; at <= 1202; at += 1) model.tick(at, status({ into: at }));
  assert.deepEqual(model.times.slice(-2), [1140, 1200]);
  assert.equal(model.minuteToAsk(), 1140);
  assert.equal(model.minuteToAsk(), null);
  model.load(
    { ...answer(1260, 2, { step: 60, values: { p99: 0.5 }, into: 1202 }), to: 1202 },
    status({ into: 1202 }),
  );
  assert.deepEqual(tail(model, "p99", 3), [null, 0.5, 0.5]);
  assert.equal(model.times.length, 21);
});

test("a service that never ran has nothing to draw until it does", () => {
  const model = new ChartModel("1m");
  model.load(answer(1000, 60, { since: null, values: { open: null } }), {
    ...status({ quiet: true }),
    generation: 0,
  });
  assert.equal(model.isEmpty, true);
  model.tick(1001, status({ open: 1, total: 1 }));
  assert.equal(model.isEmpty, false);
});

test("a long window is shown in fewer points, which stay where they are", () => {
  const model = new ChartModel("15m");
  model.load(answer(9000, 900, { values: { bytes_in: 5, errors: 1 } }), status({}));
  assert.equal(model.shown.times.length, 90);
  const before = model.shown.times.slice(1);
  for (let at = 9001; at <= 9010; at += 1) model.tick(at, status({ into: at * 10 - 90000 }));
  assert.deepEqual(model.shown.times.slice(0, -1), before);
  assert.equal(model.shown.lines.bytes_in.at(-2), 5);
  assert.equal(model.shown.lines.errors[3], 10);
  assert.deepEqual(model.peak("errors"), { value: 10, at: before[0] });
});

test("scales end at round numbers", () => {
  assert.deepEqual(
    [0, 3, 5, 7, 81, 100, 0.03].map((value) => niceTop(value, 4)),
    [4, 4, 6, 8, 100, 100, 4],
  );
  assert.equal(niceTop(1.1e6, 100), 2e6);
  assert.deepEqual(decades(null, 0), [1e-4, 1e-3]);
  assert.deepEqual(decades(0.01, 0.01), [0.01, 0.1]);
  assert.ok(decades(2e-5, 0.3)[0] <= 2e-5 && decades(2e-5, 0.3)[1] >= 0.3);
});
