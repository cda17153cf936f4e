// @ts-check
/**
 * A figure with its last minute. Over any of a row of figures, the pointer reads all of them back.
 */

import { html } from "htm/preact";
import { signal } from "@preact/signals";
import { SAMPLES, mirrorPaths, sparkPaths } from "../lib/series.js";
import { now } from "../lib/clock.js";

/** @import { Series } from "../lib/series.js" */

const HEIGHT = 28;

/**
 * Which sample the pointer is at, in all figures of the page; null: none.
 * @type {import("@preact/signals").Signal<number|null>}
 */
const scrub = signal(null);

/** @param {PointerEvent} event */
function follow(event) {
  const box = /** @type {Element} */ (event.currentTarget).getBoundingClientRect();
  const at = Math.round(((event.clientX - box.left) / box.width) * (SAMPLES - 1));
  scrub.value = Math.min(SAMPLES - 1, Math.max(0, at));
}

/** @param {{label: string, children?: any}} props */
export const Figures = ({ label, children }) =>
  html`<section class="figs" aria-label=${label} onPointerLeave=${() => (scrub.value = null)}>
    ${children}
  </section>`;

/**
 * @param {{
 *   label: string, series: Series, tone?: string, of?: string, alarm?: boolean, floor?: number, title?: string,
 *   value: number, show: (value: number) => [string, string], href?: string,
 * }} props href: where the whole figure leads
 */
export function Figure({
  label,
  series,
  value,
  show,
  tone = "",
  of = "",
  alarm = false,
  floor = 1,
  title,
  href,
}) {
  void now.value; // Redrawn at each tick: the series is sampled by it.
  const at = scrub.value;
  const past = at === null ? Number.NaN : /** @type {number} */ (series.values[at]);
  const scrubbed = at !== null && at < SAMPLES - 1;
  const [text, unit] = show(scrubbed ? past : value);
  const { line, ground, top } = sparkPaths(series.values, HEIGHT, floor);
  const last = series.last;
  return html`<div
    class=${`fig${alarm ? " alarm" : ""}${scrubbed ? " scrubbed" : ""}`}
    title=${title}
    onPointerMove=${follow}
  >
    <div class="fig-label">
      <span>${href ? html`<a href=${href}>${label}</a>` : label}</span
      >${scrubbed && html`<span class="when">−${SAMPLES - 1 - /** @type {number} */ (at)} s</span>`}
    </div>
    <div class="fig-value">
      ${text}${of && !scrubbed && html`<span class="of">${of}</span>`}${unit && html`<span class="unit">${unit}</span>`}
    </div>
    <div class=${`spark ${top <= floor && !(series.max > 0) ? "flat" : tone}`} aria-hidden="true">
      <svg viewBox=${`0 0 ${SAMPLES - 1} ${HEIGHT}`} preserveAspectRatio="none">
        <path class="zero" d=${`M0 ${HEIGHT}H${SAMPLES - 1}`} />
        <path class="ground" d=${ground} />
        <path d=${line} />
      </svg>
      ${!Number.isNaN(last) && html`<i
          class="now"
          style=${{ left: "100%", top: `${(1 - (top > 0 ? last / top : 0)) * 100}%` }}
        ></i>`}
      ${scrubbed && html`<i
          class="then"
          style=${{ left: `${/** @type {number} */ ((at) / (SAMPLES - 1)) * 100}%` }}
        ></i>`}
    </div>
  </div>`;
}

/**
 * Throughput of one service: in above the line, out below.
 * @param {{up: Series, down: Series, label: string}} props
 */
export function Both({ up, down, label }) {
  void now.value;
  const paths = mirrorPaths(up.values, down.values, 13);
  return html`<span class="both" role="img" aria-label=${label}>
    <svg viewBox="0 0 60 26" preserveAspectRatio="none">
      <path class="up" d=${paths.up} />
      <path class="down" d=${paths.down} />
      <path class="zero" d="M0 13H60" />
    </svg>
  </span>`;
}
