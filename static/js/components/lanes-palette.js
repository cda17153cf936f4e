// @ts-check
/** The tokens that the lanes are drawn with, as a canvas wants them. */

const TOKENS = /** @type {const} */ ([
  "line",
  "edge",
  "faint",
  "dim",
  "text",
  "accent",
  "in",
  "out",
  "bad",
  "warn",
  "panel",
  "lane-open",
  "lane-shut",
  "lane-bad",
  "lane-wait",
  "lane-rise",
  "lane-queue",
  "lane-band",
  "lane-label",
]);

/** @typedef {Record<typeof TOKENS[number]|"font"|"small"|"strong", string>} Palette */

/**
 * @param {HTMLElement} probe an element that is not shown, within the lanes
 * @param {number} ratio of the canvas's pixels to CSS's
 * @returns {Palette}
 */
export function paletteOf(probe, ratio) {
  const palette = /** @type {Palette} */ ({});
  for (const token of TOKENS) {
    probe.style.color = `var(--${token})`;
    palette[token] = getComputedStyle(probe).color;
  }
  const family = getComputedStyle(probe).fontFamily;
  palette.font = `${11 * ratio}px ${family}`;
  palette.small = `${10 * ratio}px ${family}`;
  palette.strong = `600 ${15 * ratio}px ${family}`;
  return palette;
}
