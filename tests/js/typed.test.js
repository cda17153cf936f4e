import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOf, typedAs } from "../../static/js/lib/typed.js";

const utf8 = (text) => new TextEncoder().encode(text);

test("a text's lines get the ending that was chosen, its last too", () => {
  assert.deepEqual(bytesOf("a\nb", "text", "crlf"), utf8("a\r\nb\r\n"));
  assert.deepEqual(bytesOf("a\nb", "text", "none"), utf8("a\nb"));
  assert.throws(() => bytesOf("!", "base64", "lf"), /no base64/);
});

test("the same bytes are typed otherwise", () => {
  const hello = bytesOf("hello", "text", "lf");
  assert.deepEqual(typedAs(hello, "hex"), { text: "68 65 6c 6c 6f 0a" });
  assert.deepEqual(typedAs(hello, "base64"), { text: "aGVsbG8K" });
  assert.deepEqual(typedAs(hello, "text"), { text: "hello", ending: "lf" });
});

test("text goes to hex and back with its line endings", () => {
  for (const [text, ending] of [["GET / HTTP/1.0\n", "crlf"], ["", "lf"], ["", "none"], ["a\nb", "lf"], ["Grüße 日本", "none"]])
    assert.deepEqual(typedAs(bytesOf(text, "text", ending), "text"), { text, ending });
});

test("bytes that no text has are not made one", () => {
  assert.equal(typedAs(new Uint8Array([0xff, 0x0a]), "text"), null);
  assert.equal(typedAs(utf8("a\rb"), "text"), null, "a form would drop the carriage return");
  assert.equal(typedAs(utf8("a\nb\r\n"), "text"), null, "two kinds of line ending");
});
