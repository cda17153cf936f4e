import assert from "node:assert/strict";
import { test } from "node:test";
import { Ring } from "../../static/js/lib/ring.js";

test("a ring holds the newest, oldest first, and counts all", () => {
  const ring = new Ring(3);
  for (let item = 0; item < 8; item += 1) ring.push(item);
  assert.deepEqual(ring.slice(), [5, 6, 7]);
  assert.deepEqual([ring.at(0), ring.last, ring.at(3), ring.at(-1)], [5, 7, undefined, undefined]);
  assert.deepEqual([ring.length, ring.pushed, ring.first], [3, 8, 5]);
  assert.deepEqual(ring.slice(1, 2), [6]);
});

test("an emptied ring starts again", () => {
  const ring = new Ring(2);
  for (const item of "abc") ring.push(item);
  ring.clear();
  ring.push("d");
  assert.deepEqual(ring.slice(), ["d"]);
});
