import assert from "node:assert/strict";
import { test } from "node:test";
import { Meter, SAMPLES, Series, mirrorPaths, sparkPaths } from "../../static/js/lib/series.js";

const lastOf = (series, count) => Array.from(series.values.slice(SAMPLES - count));

test("a series keeps a minute, the newest last", () => {
  const series = new Series();
  for (let second = 0; second < 70; second += 1) series.push(second);
  assert.deepEqual([series.values[0], series.last, series.max], [10, 69, 69]);
  assert.equal(series.mean(2), 68.5);
  assert.ok(Number.isNaN(new Series().mean(3)));
});

test("rates come from the growth of counters; no news is zero", () => {
  const meter = new Meter(["in"], ["open"]);
  meter.sample(100, { in: 1000, open: 1 });
  meter.sample(101, { in: 1500, open: 2 });
  meter.sample(102, { in: 1500, open: 2 });
  assert.deepEqual(lastOf(meter.of("in"), 2), [500, 0]);
  assert.deepEqual(lastOf(meter.of("open"), 3), [1, 2, 2]);
});

test("seconds that were missed share what happened in them", () => {
  const meter = new Meter(["in"]);
  meter.sample(100, { in: 0 });
  meter.sample(104, { in: 400 });
  assert.deepEqual(lastOf(meter.of("in"), 4), [100, 100, 100, 100]);
});

test("a counter that began anew is no negative rate", () => {
  const meter = new Meter(["in"]);
  meter.sample(100, { in: 5000 });
  meter.sample(101, { in: 20 });
  assert.equal(meter.of("in").last, 20);
});

test("a level that nobody looked at is not known, but for a blink", () => {
  const meter = new Meter([], ["open"]);
  for (const [at, open] of [[100, 1], [102, 2], [112, 3]]) meter.sample(at, { open });
  assert.deepEqual([...meter.of("open").values.slice(-13)], [1, 2, 2, ...Array(9).fill(NaN), 3]);
});

test("two samples within a moment make no peak", () => {
  const meter = new Meter(["in"]);
  meter.sample(100, { in: 0 });
  meter.sample(100.01, { in: 50 });
  meter.sample(101, { in: 50 });
  assert.equal(meter.of("in").last, 50);
});

test("the next page goes on where this one left off", () => {
  const before = new Meter(["in"]);
  before.sample(100, { in: 0 });
  before.sample(101, { in: 7 });
  const after = new Meter(["in"]);
  after.restore(JSON.parse(JSON.stringify(before.snapshot())));
  after.sample(103, { in: 27 });
  assert.deepEqual(lastOf(after.of("in"), 3), [7, 10, 10]);
});

test("a spark breaks where nothing is known, and scales to its top", () => {
  const { line, ground, top } = sparkPaths([Number.NaN, 0, 10, Number.NaN, 5], 20);
  assert.equal(line, "M1 20.0L2 0.0M4 10.0");
  assert.equal(ground, "M1 20L1 20.0L2 0.0L2 20ZM4 20L4 10.0L4 20Z");
  assert.equal(top, 10);
  assert.equal(sparkPaths([1], 20, 10).line, "M0 18.0", "a floor keeps noise small");
});

test("both directions share one scale", () => {
  const up = new Series();
  const down = new Series();
  up.push(100);
  down.push(25);
  const paths = mirrorPaths(up.values, down.values, 13);
  assert.equal(paths.up, "M59.1 13V1.0H59.9V13Z");
  assert.equal(paths.down, "M59.1 13V19.0H59.9V13Z");
});
