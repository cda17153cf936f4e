import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesAsText, decodeBase64, encodeBase64, hex, hexRows, looksLikeText, parseHex, visible, visibleText } from "../../static/js/lib/payload.js";

const bytes = (...values) => new Uint8Array(values);
const utf8 = (text) => new TextEncoder().encode(text);
const joined = (pieces) => pieces.map((piece) => piece.text).join("");

test("controls are shown as what they are, and told apart from text", () => {
  const pieces = visible("a\x1b[31m\r\n\0");
  assert.equal(joined(pieces), "a␛[31m␍␊␀");
  assert.deepEqual(pieces.filter((piece) => piece.control).map((piece) => piece.name), ["ESC", "CR", "LF", "NUL"]);
});

test("what turns text around or hides in it is spelled out", () => {
  assert.equal(visibleText("a\u202Eb\u200Bc\u2066d\uFEFF\u00AD"), "a⟨U+202E⟩b⟨U+200B⟩c⟨U+2066⟩d⟨U+FEFF⟩⟨U+00AD⟩");
  assert.equal(visibleText("\u{E0041}"), "⟨U+E0041⟩");
  assert.equal(visibleText("\x7f\x85"), "␡⟨U+0085⟩");
});

test("letters of any script, and markup, stay as they are", () => {
  assert.equal(visibleText("Grüße 日本 <script>&amp;"), "Grüße 日本 <script>&amp;");
});

test("with lines, a line feed breaks after its picture", () => {
  assert.equal(joined(visible("a\nb", { lines: true })), "a␊\nb");
});

test("bytes that are no UTF-8 stand as bytes between what is", () => {
  assert.equal(joined(bytesAsText(bytes(0x61, 0xff, 0xc3, 0xa9, 0xc3))), "a⟨FF⟩é⟨C3⟩");
  assert.equal(joined(bytesAsText(bytes(0xed, 0xa0, 0x80))), "⟨ED⟩⟨A0⟩⟨80⟩", "a lone surrogate is no character");
});

test("a prefix cut inside a character is no fault of the peer", () => {
  assert.equal(joined(bytesAsText(utf8("né").subarray(0, 2), { truncated: true })), "n");
});

test("only what begins a character is taken for one that was cut", () => {
  const cut = (...values) => joined(bytesAsText(bytes(...values), { truncated: true }));
  assert.equal(cut(0xff, 0xfe, 0xfd), "⟨FF⟩⟨FE⟩⟨FD⟩");
  assert.equal(cut(0x61, 0xff, 0x62, 0x0a), "a⟨FF⟩b␊");
  assert.equal(cut(0x61, 0xc3, 0x0a), "a⟨C3⟩␊", "a line feed goes on with nothing");
  assert.equal(cut(0x61, 0xf0, 0x9f, 0x98), "a");
  assert.equal(cut(0x61, 0xed, 0xa0), "a⟨ED⟩⟨A0⟩", "no surrogate begins like this");
  assert.equal(joined(bytesAsText(bytes(0x61, 0xc3))), "a⟨C3⟩", "whole: so it was sent");
});

test("a byte order mark does not vanish", () => {
  assert.equal(joined(bytesAsText(utf8("\uFEFFa"))), "⟨U+FEFF⟩a");
});

test("base64 goes both ways, also for much", () => {
  const much = new Uint8Array(100_000).map((_, at) => at % 256);
  assert.deepEqual(decodeBase64(encodeBase64(much)), much);
});

test("hex is read as people write it", () => {
  assert.deepEqual(parseHex("02 00 1a,ff\n0x07"), bytes(2, 0, 0x1a, 0xff, 7));
  assert.deepEqual(parseHex(""), bytes());
  assert.throws(() => parseHex("0g"), /“g” is no hexadecimal digit/);
  assert.throws(() => parseHex("abc"), /one digit is left over/);
  assert.equal(hex(bytes(2, 0, 255), 2), "02 00");
});

test("what reads as text is shown as text", () => {
  assert.ok(looksLikeText(utf8("GET / HTTP/1.1\r\n")));
  assert.ok(looksLikeText(utf8("\x1b[31mred\x1b[0m")));
  assert.ok(looksLikeText(utf8("日本語のテキスト")));
  assert.ok(looksLikeText(bytes(0x61, 0xff, 0x62, 0x0a)), "one odd byte among letters");
  assert.ok(looksLikeText(bytes(0xe6, 0x97), { truncated: true }));
  assert.ok(!looksLikeText(bytes(0xe6, 0x97)));
  assert.ok(!looksLikeText(bytes(0xff, 0xfe, 0xfd)));
  assert.ok(!looksLikeText(bytes(0xff, 0xfe, 0xfd), { truncated: true }));
  assert.ok(!looksLikeText(bytes(2, 0, 0x1a, 255, 7, 28, 0, 1)));
});

test("a hex dump has sixteen bytes a row", () => {
  const rows = hexRows(utf8("0123456789abcdefXY\n"));
  assert.equal(rows.length, 2);
  assert.equal(rows[0].text, "0123456789abcdef");
  assert.deepEqual([rows[1].offset, rows[1].text, rows[1].hex.trim()], ["0010", "XY·", "58 59 0a"]);
});
