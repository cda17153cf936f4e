import assert from "node:assert/strict";
import { test } from "node:test";
import { ExceptionList, lately, shortPath, tracebackLines } from "../../static/js/lib/exceptions.js";

const one = (id, last_seen = 1, more = {}) => ({ id, service: "shop", type: "KeyError", message: "", traceback: null, place: null, cause: null, count: 1, first_seen: `2026-01-0${last_seen}`, last_seen: `2026-01-0${last_seen}`, activity: [], last_bytes: null, last_bytes_note: null, connections: [], peers: [], ...more });
const page = (items, more = {}) => ({ items, next_cursor: null, total: items.length, displaced: 0, ...more });
const ids = (list) => list.shown.map((found) => found.id);

/** A list whose panel answers what is put into `answers`, and whose timers are run by hand. */
function made(options = {}) {
  const world = { answers: [], asked: [], timers: [] };
  const list = new ExceptionList({
    ask: async (asked) => {
      world.asked.push(asked);
      const answer = world.answers.shift();
      if (answer instanceof Error) throw answer;
      return answer;
    },
    later: (run) => world.timers.push(run),
    ...options,
  });
  return { list, world };
}

test("errors that come close together are one look, and one more after it", async () => {
  const { list, world } = made();
  world.answers.push(page([one("a")]), page([one("b", 2), one("a")]));
  list.noticed();
  list.noticed();
  list.noticed();
  await new Promise(setImmediate);
  assert.equal(world.asked.length, 1);
  world.timers.shift()();
  await new Promise(setImmediate);
  assert.equal(world.asked.length, 2);
  assert.deepEqual(ids(list), ["b", "a"]);
  world.timers.shift()();
  assert.equal(world.timers.length, 0);
});

test("while it is held nothing moves: figures change in place, new ones are counted", async () => {
  const { list, world } = made();
  list.seed(page([one("a", 2), one("b", 1)]));
  list.hold(true);
  world.answers.push(page([one("c", 4), one("b", 3, { count: 9 }), one("a", 2)]));
  await list.load();
  assert.deepEqual(ids(list), ["a", "b"]);
  assert.equal(list.shown[1].count, 9);
  assert.equal(list.waiting, 1);
  list.hold(false);
  assert.deepEqual(ids(list), ["c", "b", "a"]);
  assert.equal(list.waiting, 0);
});

test("a look at the first page keeps what was loaded behind it, and drops what is gone", async () => {
  const { list, world } = made();
  list.seed(page([one("a", 6), one("b", 5)], { next_cursor: "x", total: 4 }));
  world.answers.push(page([one("c", 4), one("d", 3)], { total: 4 }));
  await list.more();
  assert.deepEqual(ids(list), ["a", "b", "c", "d"]);
  world.answers.push(page([one("c", 7), one("b", 5)], { next_cursor: "y", total: 3 }));
  await list.load();
  assert.deepEqual(ids(list), ["c", "b", "d"]);
  assert.equal(list.next, null);
});

test("an answer to an older question is not shown", async () => {
  let first;
  const { list } = made({ ask: (asked) => (asked.q === "new" ? Promise.resolve(page([one("new")])) : new Promise((answer) => (first = answer))) });
  const old = list.load();
  await list.choose({ q: "new" });
  first(page([one("old")]));
  await old;
  assert.deepEqual(ids(list), ["new"]);
});

test("while nobody looks only the count is asked for", async () => {
  const { list, world } = made({ watched: false, service: "shop" });
  world.answers.push(page([one("a", 5)], { total: 7 }), page([one("a", 5)], { total: 7 }));
  await list.load();
  assert.deepEqual([world.asked[0].limit, list.count, list.newest, ids(list)], [1, 7, "2026-01-05", []]);
  list.watch(true);
  await new Promise(setImmediate);
  assert.equal(world.asked[1].limit, 50);
  assert.deepEqual(ids(list), ["a"]);
});

test("one that is about to be forgotten is out of sight, and comes back", () => {
  const { list } = made();
  list.seed(page([one("a", 2), one("b")]));
  list.hide("a", true);
  assert.deepEqual([ids(list), list.count], [["b"], 1]);
  list.hide("a", false);
  assert.deepEqual([ids(list), list.count], [["a", "b"], 2]);
  list.hide("a", true);
  list.drop("a");
  assert.deepEqual([ids(list), list.count], [["b"], 1]);
});

test("a failure to read shows where there is nothing, and not where there is something", async () => {
  const { list, world } = made();
  world.answers.push(new Error("the disk is full"), page([one("a")]), new Error("again"));
  await list.load();
  assert.deepEqual([list.state, list.why], ["failed", "the disk is full"]);
  await list.load();
  await list.load();
  assert.deepEqual([list.state, ids(list)], ["ready", ["a"]]);
});

test("a day is summed, the half-hour that goes on stands last", () => {
  assert.deepEqual(lately([1, 0, 4]), { halfHour: 4, day: 5 });
  assert.deepEqual(lately([]), { halfHour: 0, day: 0 });
});

test("paths are short enough to read and long enough to tell apart", () => {
  assert.equal(shortPath("/srv/panel/instance/handlers/shop.py"), "…/handlers/shop.py");
  assert.equal(shortPath("/srv/shop.py"), "/srv/shop.py");
  assert.equal(shortPath("<string>"), "<string>");
});

test("a traceback's lines are told apart, in a group of exceptions too", () => {
  const text = [
    "Traceback (most recent call last):",
    '  File "/lib/socketserver.py", line 7, in handle',
    "    self.handle()",
    '  File "/srv/shop.py", line 12, in handle',
    "    boom()",
    "shop.Broken: File no",
    "",
  ].join("\n");
  const kinds = tracebackLines(text, { file: "/srv/shop.py", line: 12 }).map((line) => line.kind);
  assert.deepEqual(kinds, ["", "frame", "", "own", "own", "type"]);
  const group = '  | Traceback (most recent call last):\n  |   File "/srv/shop.py", line 12, in handle\n  |     boom()\n';
  assert.deepEqual(tracebackLines(group, { file: "/srv/shop.py", line: 12 }).map((line) => line.kind), ["", "own", "own"]);
  assert.deepEqual(tracebackLines("", null), [{ text: "", kind: "" }]);
});
