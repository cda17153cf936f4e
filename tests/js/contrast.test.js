import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const CSS = readFileSync(new URL("../../static/css/socketdeck.css", import.meta.url), "utf8");
const TOKENS = Object.fromEntries(
  Array.from(CSS.matchAll(/^\s*--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);/gm), ([, name, light, dark]) => [name, { light, dark }]),
);

/** Relative luminance and contrast ratio, WCAG 2.2. */
function luminance(colour) {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(one, other) {
  const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}

for (const theme of ["light", "dark"]) {
  test(`text reads on every surface, ${theme}`, () => {
    for (const text of ["text", "dim", "faint", "accent", "in", "out", "ok", "warn", "bad"]) {
      for (const surface of ["bg", "panel", "raise", "hover", "sunk"]) {
        const ratio = contrast(TOKENS[text][theme], TOKENS[surface][theme]);
        assert.ok(ratio >= 4.5, `${text} on ${surface}: ${ratio.toFixed(2)}`);
      }
    }
  });

  test(`what one types into has an edge that is seen, ${theme}`, () => {
    for (const surface of ["bg", "panel"]) assert.ok(contrast(TOKENS.field[theme], TOKENS[surface][theme]) >= 3, surface);
  });

  test(`a filled button can be read, ${theme}`, () => {
    for (const solid of ["solid", "solid-hover", "danger", "danger-hover"]) assert.ok(contrast("#ffffff", TOKENS[solid][theme]) >= 4.5, solid);
  });
}

test("colours stand in tokens alone", () => {
  const rules = CSS.slice(CSS.indexOf("elements */"));
  const strays = Array.from(rules.matchAll(/#[0-9a-f]{3,8}\b/gi), ([colour]) => colour).filter((colour) => colour !== "#fff");
  assert.deepEqual(strays, []);
});
