import assert from "node:assert/strict";
import { test } from "node:test";
import { Blocks } from "../../static/js/lib/conversation/blocks.js";
import { jsonLines } from "../../static/js/lib/conversation/json.js";
import { layOut, rangeOf, rowOf } from "../../static/js/lib/conversation/layout.js";
import { fromRest } from "../../static/js/lib/conversation/messages.js";
import { findAll, parseNeedle } from "../../static/js/lib/conversation/needle.js";
import { NO_CHARACTER, bytesOfCode, codeAt } from "../../static/js/lib/conversation/utf8.js";

const bytes = (text) => new TextEncoder().encode(text);
const message = (content, more = {}) => {
  const data = typeof content === "string" ? bytes(content) : Uint8Array.from(content);
  return fromRest({ seq: 1, time: "2026-11-23T10:00:00Z", direction: "in", length: data.length, data: Buffer.from(data).toString("base64"), ...more });
};
const rows = (content, view, columns, more) => {
  const one = message(content, more);
  const laid = layOut(one, view, columns);
  if (laid.texts) return laid.texts;
  return Array.from({ length: laid.rows }, (_, row) => {
    const { start, end } = rangeOf(laid, one.bytes, row);
    return new TextDecoder().decode(one.bytes.subarray(start, end));
  });
};

test("text breaks at its lines, whose ends are not shown; lines show them", () => {
  assert.deepEqual(rows("one\r\ntwo\n\nfour", "text", 80), ["one", "two", "", "four"]);
  assert.deepEqual(rows("one\r\ntwo\n", "lines", 80), ["one\r\n", "two\n"]);
  assert.deepEqual(Array.from(layOut(message("a\nb\n"), "lines", 80).numbers), [1, 2]);
});

test("a row that is full goes on, between words where that is near", () => {
  assert.deepEqual(rows("x".repeat(25), "text", 10), ["x".repeat(10), "x".repeat(10), "x".repeat(5)]);
  assert.deepEqual(rows("hello to all", "text", 10), ["hello to ", "all"]);
  assert.deepEqual(Array.from(layOut(message("x".repeat(25)), "lines", 10).numbers), [1, 0, 0]);
});

test("no row begins inside a character, and wide ones count twice", () => {
  assert.deepEqual(rows("你好世界", "text", 4), ["你好", "世界"]);
  for (const columns of [4, 5, 7]) assert.equal(rows("aä€🌙".repeat(20), "text", columns).join(""), "aä€🌙".repeat(20));
});

test("every byte stands in exactly one row, whatever bytes they are", () => {
  let seed = 7;
  const random = () => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) >> 16;
  for (let round = 0; round < 60; round += 1) {
    const data = Array.from({ length: random() % 300 }, () => (random() % 3 ? random() & 0x7f : random() & 0xff));
    for (const view of ["text", "lines", "hex"]) {
      const laid = layOut(message(data), view, 12 + (random() % 40));
      const starts = Array.from(laid.starts);
      if (data.length === 0) continue;
      assert.equal(starts[0], 0);
      assert.equal(starts.at(-1), data.length);
      assert.equal(starts.length, laid.rows + 1);
      for (let at = 1; at < starts.length; at += 1) assert.ok(starts[at] > starts[at - 1]);
      const offset = random() % data.length;
      const row = rowOf(laid, offset);
      assert.ok(starts[row] <= offset && offset < starts[row + 1]);
    }
  }
});

test("marks upon marks do not make a row without end", () => {
  const laid = layOut(message(`a${"\u0301".repeat(10_000)}`), "text", 20);
  assert.ok(laid.rows > 50);
});

test("auto: JSON where it parses, hex where it is no text, else text", () => {
  const as = (content, more) => layOut(message(content, more), "auto", 80).as;
  assert.equal(as('{"a": 1}\n'), "json");
  assert.equal(as('{"a": 1}\n{"a": 2}\n'), "json");
  assert.equal(as("GET / HTTP/1.0\r\n\r\n"), "text");
  assert.equal(as([0, 1, 2, 3, 4, 5]), "hex");
  assert.equal(as("42"), "text");
  assert.equal(as('{"a": 1', { length: 900, truncated: true }), "text");
  assert.equal(layOut(message("no json"), "json", 80).as, "text");
});

test("a megabyte on one line is laid out in one go", () => {
  const laid = layOut(message("x".repeat(1 << 20)), "text", 100);
  assert.equal(laid.rows, Math.ceil((1 << 20) / 100));
});

test("hex: sixteen a row where that fits, else eight", () => {
  assert.equal(layOut(message(new Array(33).fill(0)), "hex", 80).rows, 3);
  assert.equal(layOut(message(new Array(33).fill(0)), "hex", 40).rows, 5);
});

test("JSON is laid out with every token as it was sent", () => {
  assert.deepEqual(jsonLines('{"n":12345678901234567890,"n":1.0,"deep":{"list":[1,2,{"a":"\\u202e"}]}}'), [
    "{",
    '  "n": 12345678901234567890,',
    '  "n": 1.0,',
    '  "deep": {',
    '    "list": [',
    "      1,",
    "      2,",
    '      {"a": "\\u202e"}',
    "    ]",
    "  }",
    "}",
  ]);
  assert.deepEqual(jsonLines(' [1, "a,b:{}"] '), ['[1, "a,b:{}"]']);
  assert.equal(jsonLines("{not json}"), null);
  assert.equal(jsonLines("[".repeat(5_000) + "]".repeat(5_000)), null);
  assert.equal(jsonLines('{"a": 1}\nnot json\n'), null);
  assert.equal(jsonLines("true"), null);
});

test("what was laid out holds the same tokens", () => {
  for (const text of ['{"a":[],"b":{},"c":[[1],[2,[3]]],"d":"x y"}', '[{"k":null},true,-1.5e-7]']) {
    const lines = jsonLines(text);
    assert.equal(lines.join("").replaceAll(/\s/g, ""), text.replaceAll(/\s/g, ""));
    assert.deepEqual(JSON.parse(lines.join("\n")), JSON.parse(text));
  }
});

test("UTF-8 is read as the browser's decoder reads it", () => {
  for (const text of ["a", "ä", "€", "🌙", "\u07ff", "\uffff"]) {
    const data = bytes(text);
    assert.equal(codeAt(data, 0), text.codePointAt(0));
    assert.equal(bytesOfCode(text.codePointAt(0)), data.length);
  }
  for (const wrong of [[0x80], [0xc1, 0x80], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xe2, 0x82], [0xf4, 0x90, 0x80, 0x80]])
    assert.equal(codeAt(Uint8Array.from(wrong), 0), NO_CHARACTER);
});

test("a text is found whatever its case, hex exactly", () => {
  const found = (data, typed, kind) => findAll(bytes(data), parseNeedle(typed, kind));
  assert.deepEqual(found("Hello hello HELLO", "hello", "text"), [0, 6, 12]);
  assert.deepEqual(found("aaaa", "aa", "text"), [0, 2]);
  assert.deepEqual(found("AbAB", "41 62", "hex"), [0]);
  assert.deepEqual(found("x", "longer", "text"), []);
  assert.equal(parseNeedle("", "text"), null);
  assert.throws(() => parseNeedle("0g", "hex"), /no hexadecimal/);
});

test("turns begin with a head, pauses have a line, heights add up", () => {
  const at = (seq, direction, ms) => ({ ...message("hi"), seq, direction, at: ms });
  const blocks = new Blocks();
  blocks.place([at(1, "in", 0), at(2, "in", 5), at(3, "out", 9), at(4, "out", 5_000)], "auto", 80, () => "");
  assert.deepEqual(blocks.list.map((block) => block.heads), [true, false, true, true]);
  assert.deepEqual(blocks.list.map((block) => block.pause), [0, 0, 0, 4_991]);
  assert.equal(blocks.height, blocks.list.reduce((sum, block) => sum + block.height, 0));
  assert.equal(blocks.at(0), 0);
  assert.equal(blocks.at(blocks.list[2].top), 2);
  assert.equal(blocks.at(1e9), 4);
});
