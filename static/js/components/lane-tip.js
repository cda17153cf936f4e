// @ts-check
/** What is known of the bar that is pointed at. */

import { html } from "htm/preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { now } from "../lib/clock.js";
import { clock, size } from "../lib/format.js";
import { lifeOf, waitOf } from "../lib/lane-words.js";
import { visibleText } from "../lib/payload.js";

/** @import { Bar } from "../lib/lanes.js" */
/** @import { Stage } from "./lanes-stage.js" */

const AIR = 8;

/** @param {{bar: Bar, stage: Stage}} props */
export function LaneTip({ bar, stage }) {
  const tip = useRef(/** @type {HTMLElement|null} */ (null));
  useLayoutEffect(() => {
    const element = tip.current;
    const around = element?.parentElement;
    if (!element || !around) return;
    const { x, right, y, height } = stage.placeOf(bar);
    const at = stage.pointer.inside ? stage.pointer.x + 14 : (x + right) / 2;
    const left = Math.max(AIR, Math.min(around.clientWidth - element.offsetWidth - AIR, at));
    // Below its bar, or above it where the window ends.
    const below = y + height + 10;
    const room = innerHeight - around.getBoundingClientRect().top;
    const top = below + element.offsetHeight > room ? y - element.offsetHeight - 10 : below;
    element.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  });
  const waited = waitOf(bar, now.value);
  return html`<div class="lane-tip" ref=${tip}>
    <div class="head">
      <strong class="mono">#${bar.id}</strong><span class="mono clip">${visibleText(bar.peer)}</span>
    </div>
    <dl>
      <dt>opened</dt>
      <dd>${clock(bar.opened * 1000)}, ${lifeOf(bar, now.value)}</dd>
      ${waited && html`<dt>waited</dt><dd>${waited} for a thread</dd>`}
      ${bar.thread && html`<dt>thread</dt><dd class="mono clip">${visibleText(bar.thread)}</dd>`}
      ${stage.brush.byPid && bar.pid && html`<dt>child</dt><dd class="mono">pid ${bar.pid}</dd>`}
      <dt>data</dt>
      <dd>
        <span class="in">${size(bar.bytesIn)} in</span>${", "}<span class="out"
          >${size(bar.bytesOut)} out</span
        >${bar.failed ? ", its handler raised" : ""}
      </dd>
    </dl>
  </div>`;
}
