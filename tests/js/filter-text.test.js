import assert from "node:assert/strict";
import { test } from "node:test";
import { isNegated, pieces, termOf, turned, typedAt, unitsAt, withTerm, without } from "../../static/js/lib/filter-text.js";

const apart = (text) => pieces(text).map((piece) => piece.text);
/** The text without the term that reads so. */
const less = (text, term) => without(text, pieces(text).findIndex((piece) => piece.text === term));
const turn = (text, term) => turned(text, pieces(text).findIndex((piece) => piece.text === term));

test("a filter comes apart at its terms, operators and brackets", () => {
  assert.deepEqual(apart('service:echo -kind:data (peer:10.0.0.0/8 or "GET /")'), ["service:echo", "-", "kind:data", "(", "peer:10.0.0.0/8", "or", '"GET /"', ")"]);
  assert.deepEqual(apart('text:"a \\" (b" x'), ['text:"a \\" (b"', "x"], "a string hides what is in it");
  assert.deepEqual(apart('"never closed or'), ['"never closed or']);
  assert.deepEqual(apart("NOT a AND b"), ["NOT", "a", "AND", "b"]);
  assert.deepEqual(apart("time:-15m.. a-b - )"), ["time:-15m..", "a-b", "-", ")"], "a sign in a word is part of it");
  assert.deepEqual(apart("  "), []);
  const [piece] = pieces("kind:data,closed");
  assert.deepEqual([piece.field, piece.value], ["kind", "data,closed"]);
  assert.equal(pieces('"a:b"')[0].field, "", "a string has no field");
});

test("a term goes with what joined it", () => {
  for (const [text, term, left] of [
    ["a", "a", ""],
    ["a b c", "b", "a c"],
    ["a and b", "a", "b"],
    ["a and b", "b", "a"],
    ["a or b and c", "b", "a or c"],
    ["a and b or c", "b", "a or c"],
    ["a or b c", "b", "a or c"],
    ["a or b or c", "b", "a or c"],
    ["a (b or c)", "b", "a (c)"],
    ["a (b)", "b", "a"],
    ["a or not (b) d", "b", "a or d"],
    ["not ((b)) a", "b", "a"],
    ["a -b c", "b", "a c"],
    ["a not b or c", "b", "a or c"],
    ["(a b) c", "a", "(b) c"],
  ]) {
    assert.equal(less(text, term), left, `${text} without ${term}`);
  }
});

test("a term is turned, and back", () => {
  assert.equal(turn("a kind:data", "kind:data"), "a -kind:data");
  assert.equal(turn("a -kind:data", "kind:data"), "a kind:data");
  assert.equal(turn("a not kind:data or b", "kind:data"), "a kind:data or b");
  const all = pieces("not -a b");
  assert.equal(isNegated(all, 2), false);
  assert.equal(isNegated(pieces("-a"), 1), true);
});

test("one more term: what is there stays, and its opposite gives way", () => {
  assert.equal(withTerm("", "service:a"), "service:a");
  assert.equal(withTerm("kind:data", "service:a"), "kind:data service:a");
  assert.equal(withTerm("a or b", "service:a"), "(a or b) service:a");
  assert.equal(withTerm("kind:data x", "kind:data"), "kind:data x");
  assert.equal(withTerm("kind:data x", "-kind:data"), "-kind:data x");
  assert.equal(withTerm("x -kind:data", "kind:data"), "x kind:data");
  assert.equal(withTerm("x or kind:data", "-kind:data"), "(x or kind:data) -kind:data", "not where it is one way of two");
});

test("a value is quoted where it must be", () => {
  assert.equal(termOf("peer", "10.0.0.1:5000"), "peer:10.0.0.1:5000");
  assert.equal(termOf("peer", "[::1]:80"), "peer:[::1]:80");
  assert.equal(termOf("connection", 12), "connection:12");
  assert.equal(termOf("peer", '/tmp/a b"\\'), 'peer:"/tmp/a b\\"\\\\"');
  for (const odd of ["a*", "a,b", ">5", "1..2", "", "-x", "(a)"]) assert.equal(termOf("thread", odd), `thread:"${odd}"`);
});

test("what is being typed", () => {
  assert.deepEqual(typedAt("service:ec kind", 10), { is: "value", field: "service", typed: "ec", start: 8, end: 10 });
  assert.deepEqual(typedAt("service:echo", 10), { is: "value", field: "service", typed: "ec", start: 8, end: 12 });
  assert.deepEqual(typedAt("service:ec ki", 13), { is: "word", field: "", typed: "ki", start: 11, end: 13 });
  assert.deepEqual(typedAt("a ", 2), { is: "word", field: "", typed: "", start: 2, end: 2 });
  assert.deepEqual(typedAt("-ki", 3), { is: "word", field: "", typed: "ki", start: 1, end: 3 });
  assert.deepEqual(typedAt("(ki)", 3), { is: "word", field: "", typed: "ki", start: 1, end: 3 });
});

test("the server counts characters, the browser UTF-16 units", () => {
  assert.equal(unitsAt("🙂 kind:x", 7), 8);
  assert.equal(unitsAt("kind:x", 99), 6);
});
