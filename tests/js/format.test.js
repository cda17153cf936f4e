import assert from "node:assert/strict";
import { test } from "node:test";
import * as format from "../../static/js/lib/format.js";

test("numbers keep three digits and never an exponent", () => {
  assert.deepEqual([0, 0.4231, 7.5, 38.24, 214, 1204, 1e9].map(format.number), ["0", "0.42", "7.5", "38.2", "214", "1,204", "1,000,000,000"]);
  assert.equal(format.number(Number.NaN), "–");
});

test("sizes are in powers of 1000, and never show four digits", () => {
  assert.deepEqual([0, 0.2, 999, 1000, 1419, 48_100, 999_499, 999_500, 1.42e6, 2.4e9].map(format.size), [
    "0 B", "<1 B", "999 B", "1.00 KB", "1.42 KB", "48.1 KB", "999 KB", "1.00 MB", "1.42 MB", "2.40 GB",
  ]);
  assert.equal(format.rate(1500), "1.50 KB/s");
});

test("durations tick in place", () => {
  assert.deepEqual([0, 41.9, 182, 11_520, 187_200, -3].map(format.duration), ["0 s", "41 s", "3 m 02 s", "3 h 12 m", "2 d 4 h", "0 s"]);
  assert.equal(format.ago(0.24), "0.2 s");
});

test("short spans choose their unit", () => {
  assert.deepEqual([0.000012, 0.0047, 0.25, 3.2, 75, null].map(format.span), ["12 µs", "4.70 ms", "250 ms", "3.20 s", "1 m 15 s", "–"]);
});

test("frequencies do not pretend", () => {
  assert.deepEqual([0, 0.01, 0.33, 38.2, 1204.4].map(format.frequency), ["0", "<0.1", "0.3", "38.2", "1,204"]);
});

test("sentences are built as people write them", () => {
  assert.equal(format.list(["a", "b", "c"]), "a, b and c");
  assert.equal(format.plural(1, "connection"), "1 connection");
  assert.equal(format.plural(2140, "class", "classes"), "2,140 classes");
  assert.equal(format.sentence("cannot bind it"), "Cannot bind it");
  assert.equal(format.sentence("tcp://127.0.0.1:80 is in use"), "tcp://127.0.0.1:80 is in use");
});
