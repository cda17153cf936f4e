import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { Window } from "happy-dom";

const ROOT = new URL("../../", import.meta.url);
const read = (path) => readFileSync(new URL(path, ROOT), "utf8");
const names = (folder, ending) => readdirSync(new URL(folder, ROOT), { recursive: true }).filter((name) => name.endsWith(ending)).map((name) => folder + name);
const TEMPLATES = names("templates/", ".html");
const SCRIPTS = names("static/js/", ".js");

const window = new Window();
globalThis.document = window.document;
const { html, render } = await import("htm/preact");
const { Payload, Preview, Untrusted } = await import("../../static/js/components/bytes.js");
const { encodeBase64 } = await import("../../static/js/lib/payload.js");

function drawn(tree) {
  const place = window.document.createElement("div");
  render(tree, place);
  return place;
}

const HOSTILE = '<img src=x onerror=alert(1)><script>alert(2)</script>\x1b[2J\u202E"\'&lt;';

test("what a peer sends is text, whatever it looks like", () => {
  const bytes = new TextEncoder().encode(HOSTILE);
  for (const tree of [html`<${Preview} base64=${encodeBase64(bytes)} as="text" />`, html`<${Payload} bytes=${bytes} as="text" />`, html`<${Payload} bytes=${bytes} as="hex" />`, html`<${Untrusted} text=${HOSTILE} />`]) {
    const place = drawn(tree);
    assert.equal(place.querySelectorAll("img, script").length, 0);
    assert.ok(!place.textContent.includes("\u202E") && !place.textContent.includes("\x1b"));
  }
});

test("a control character is boxed by its name", () => {
  const place = drawn(html`<${Untrusted} text=${"a\x1b"} />`);
  assert.deepEqual([place.textContent, place.querySelector(".ctl").textContent, place.querySelector(".ctl").title], ["aESC", "ESC", "␛"]);
});

test("no template breaks the content security policy", () => {
  for (const path of TEMPLATES) {
    const text = read(path);
    assert.doesNotMatch(text, /\sstyle="/, path);
    assert.doesNotMatch(text, /\son[a-z]+="/, path);
    for (const [tag] of text.matchAll(/<script\b[^>]*>/g)) assert.match(tag, /\ssrc=|nonce="\{\{ csp_nonce \}\}"/, `${path}: ${tag}`);
    assert.doesNotMatch(text, /https?:\/\/(?!www\.w3\.org)/, `${path} asks for something elsewhere`);
  }
});

test("no script writes markup or asks for anything elsewhere", () => {
  for (const path of SCRIPTS) {
    const text = read(path);
    assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|dangerouslySetInnerHTML|\beval\(|new Function/, path);
    assert.doesNotMatch(text, /(?:import|from|fetch\()\s*["'`]https?:/, path);
    assert.match(text, /^\/\/ @ts-check\n/, path);
  }
});

test("every icon that is used is in the sprite", () => {
  const sprite = new Set(Array.from(read("templates/icons.html").matchAll(/id="i-([a-z-]+)"/g), ([, name]) => name));
  const used = new Set();
  for (const path of SCRIPTS) {
    const text = read(path);
    for (const [, name] of text.matchAll(/(?:icon=|Icon\} name=)"([a-z-]+)"/g)) used.add(name);
    for (const [, name] of text.matchAll(/(?:glyph|icon): "([a-z-]+)"/g)) used.add(name);
  }
  for (const path of TEMPLATES) for (const [, name] of read(path).matchAll(/icon\("([a-z-]+)"/g)) used.add(name);
  assert.deepEqual([...used].filter((name) => !sprite.has(name)), []);
  assert.ok(used.size > 20);
});

test("the page's import map names what the scripts import, and files that the set-up brings", () => {
  const map = JSON.parse(/<script type="importmap"[^>]*>([\s\S]*?)<\/script>/.exec(read("templates/base.html"))[1].replaceAll(/\{\{ url_for\('static', filename='([^']+)'\) \}\}/g, "$1")).imports;
  const bare = new Set();
  for (const path of SCRIPTS) for (const [, name] of read(path).matchAll(/(?:from|import\()\s*"([^."\s][^"\s]*)"/g)) bare.add(name);
  assert.deepEqual([...bare].filter((name) => !(name in map)), []);
  const brought = read("setup/vendor.py");
  for (const file of Object.values(map)) assert.ok(brought.includes(`"${file.replace("vendor/", "")}"`), file);
});
