import assert from "node:assert/strict";
import { test } from "node:test";
import { SELECTED_MOST, Selection } from "../../static/js/lib/selection.js";

const row = (id, more = {}) => ({ id, service: "echo", transport: "tcp", state: "open", ...more });
const rows = [5, 4, 3, 2, 1].map((id) => row(id));
const chosen = (selection) => [...selection.some.keys()].sort();

test("one, and a range from where the last one was, either way", () => {
  const selection = new Selection();
  selection.toggle(4, rows);
  selection.toggle(2, rows, true);
  assert.deepEqual(chosen(selection), [2, 3, 4]);
  selection.toggle(5, rows, true);
  assert.deepEqual(chosen(selection), [2, 3, 4, 5]);
  selection.toggle(3, rows);
  assert.deepEqual(chosen(selection), [2, 4, 5]);
});

test("a range lets go too, and one whose beginning is gone is one row", () => {
  const selection = new Selection();
  selection.toggleAll(rows);
  selection.toggle(4, rows);
  selection.toggle(2, rows, true);
  assert.deepEqual(chosen(selection), [1, 5]);
  selection.clear();
  selection.toggle(4, rows);
  selection.toggle(1, rows.filter(({ id }) => id !== 4), true);
  assert.deepEqual(chosen(selection), [1, 4]);
});

test("what is closed cannot be selected, and what closes is no more", () => {
  const selection = new Selection();
  selection.toggleAll([row(1), row(2, { state: "closed" }), null]);
  assert.deepEqual(chosen(selection), [1]);
  assert.equal(selection.drop(1), true);
  assert.equal(selection.drop(1), false);
  assert.equal(selection.isEmpty, true);
});

test("all that match are more than are listed; letting go of one begins anew", () => {
  const selection = new Selection();
  selection.takeAll();
  assert.equal(selection.has(12_345), true);
  assert.equal(selection.isEmpty, false);
  selection.toggle(3, rows);
  assert.deepEqual([selection.all, ...chosen(selection)], [false, 3]);
  selection.takeAll();
  selection.toggleAll(rows);
  assert.equal(selection.isEmpty, true);
});

test("it is bounded, and knows whom it hits", () => {
  const selection = new Selection();
  selection.toggleAll(Array.from({ length: SELECTED_MOST + 5 }, (_, id) => row(id + 1)));
  assert.equal(selection.some.size, SELECTED_MOST);
  selection.clear();
  selection.toggleAll([row(1), row(2, { service: "chat" }), row(3, { service: "chat" })]);
  assert.deepEqual(selection.services(), [["chat", 2], ["echo", 1]]);
  assert.deepEqual([selection.canReset, selection.hasNoFlow], [true, true]);
  selection.toggleAll([row(1, { transport: "unix" })]);
  assert.equal(selection.canReset, true);
});
