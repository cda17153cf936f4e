import assert from "node:assert/strict";
import { test } from "node:test";
import { Keys } from "../../static/js/lib/keys.js";

const press = (keys, key, more = {}, at = 0) => keys.handle({ key, target: null, ...more }, at);

function keysWith(...bindings) {
  const keys = new Keys();
  const done = [];
  for (const binding of bindings) keys.bind(binding, binding, () => done.push(binding));
  return { keys, done };
}

test("single keys, and two in a row", () => {
  const { keys, done } = keysWith("n", "g s", "s");
  press(keys, "n");
  press(keys, "g");
  press(keys, "s");
  assert.deepEqual(done, ["n", "g s"]);
});

test("two with a long pause between are two single ones", () => {
  const { keys, done } = keysWith("g s", "s");
  press(keys, "g", {}, 0);
  press(keys, "s", {}, 5000);
  assert.deepEqual(done, ["s"]);
});

test("with a modifier, or where somebody types, keys belong elsewhere", () => {
  const { keys, done } = keysWith("n");
  press(keys, "n", { ctrlKey: true });
  press(keys, "n", { target: { tagName: "INPUT", type: "text", closest: () => null } });
  press(keys, "n", { target: { tagName: "DIV", closest: () => ({}) } });
  assert.deepEqual(done, []);
  press(keys, "n", { target: { tagName: "INPUT", type: "checkbox", closest: () => null } });
  assert.deepEqual(done, ["n"]);
});

test("what was bound last wins, until it ends", () => {
  const keys = new Keys();
  const done = [];
  keys.bind(" ", "lanes", () => done.push("lanes"));
  const end = keys.bind(" ", "tail", () => done.push("tail"));
  press(keys, " ");
  end();
  press(keys, " ");
  assert.deepEqual(done, ["tail", "lanes"]);
});
