// @ts-check
/**
 * The lanes: time runs to the right, each connection is a bar in a lane of its own, ticks above it are
 * data in, below it data out, and its end tells how it closed. One sees at a glance what sync, threads
 * and pools do with the same clients.
 */

import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "./kit.js";
import { TOP, paint, paletteOf } from "./lanes-paint.js";
import { link } from "./tools.js";
import { serverNow, skew } from "../lib/clock.js";
import { duration, number, size, span, words } from "../lib/format.js";
import { keys } from "../lib/keys.js";
import { LANES, LONGEST_VIEW_SECONDS } from "../lib/lanes.js";
import { visibleText } from "../lib/payload.js";
import { isUp } from "../lib/states.js";

/** @import { Service } from "../types.js" */
/** @import { Bar, LaneModel } from "../lib/lanes.js" */
/** @import { View } from "./lanes-paint.js" */

const SHORTEST_VIEW_SECONDS = 5;

/** @param {{model: LaneModel, service: Service, onPick: (id: number) => void}} props */
export function Lanes({ model, service, onPick }) {
  const canvas = useRef(/** @type {HTMLCanvasElement|null} */ (null));
  const [seconds, setSeconds] = useState(30);
  const [pausedAt, setPausedAt] = useState(/** @type {number|null} */ (null));
  const [tip, setTip] = useState(/** @type {{bar: Bar, x: number, y: number}|null} */ (null));
  /** How many there was no room for at the last drawing, and whether there was none at all. */
  const [hidden, setHidden] = useState(0);
  const [empty, setEmpty] = useState(false);
  const view = useRef(/** @type {View|null} */ (null));
  const { waiting } = service.status.connections;
  const queued = (waiting.backlog ?? 0) + waiting.queue;
  // Without its link the page knows nothing of now: the drawing stands at the moment it was lost.
  const state = link.value?.state.value;
  const stopped =
    pausedAt ??
    (state && state.is !== "live" && state.is !== "connecting" ? state.since / 1000 + skew : null);
  const { open } = service.status.connections;
  const wanted = useRef({ seconds, stopped, queued, open });
  wanted.current = { seconds, stopped, queued, open };

  useEffect(() => {
    const end = keys.bind(
      " ",
      "Pause or go on with the lanes",
      (event) => {
        event.preventDefault();
        setPausedAt((before) => (before === null ? serverNow() : null));
      },
      "This service",
    );
    return () => {
      end();
    };
  }, []);

  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext("2d");
    if (!element || !context) return undefined;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const probe = document.createElement("i");
    probe.hidden = true;
    element.parentElement?.append(probe);
    let palette = paletteOf(probe);
    const onTheme = () => {
      palette = paletteOf(probe);
      redraw();
    };
    let frame = 0;
    let timer = 0;
    let inSight = true;
    const draw = () => {
      const { seconds: length, stopped: at, queued: back, open: all } = wanted.current;
      const now = at ?? serverNow();
      model.trim(serverNow());
      view.current = paint(context, element, model, now, length, palette, back);
      // Of very many open ones the model knows but some.
      setHidden(all > LANES ? all - view.current.open : view.current.below);
      setEmpty(view.current.empty);
      // Nothing to move: a look a second is enough to age the scale.
      const lively = at === null && !still && model.within(now - length, now).length > 0;
      if (!inSight) return;
      if (lively) frame = requestAnimationFrame(draw);
      else
        timer = window.setTimeout(() => (frame = requestAnimationFrame(draw)), still ? 1000 : 120);
    };
    const redraw = () => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
      draw();
    };
    const sized = new ResizeObserver(redraw);
    sized.observe(element);
    const seen = new IntersectionObserver(([entry]) => {
      const before = inSight;
      inSight = entry?.isIntersecting ?? true;
      if (inSight && !before) draw();
    });
    seen.observe(element);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", onTheme);
    document.addEventListener("themechange", onTheme);
    draw();
    return () => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
      seen.disconnect();
      sized.disconnect();
      scheme.removeEventListener("change", onTheme);
      document.removeEventListener("themechange", onTheme);
      probe.remove();
    };
  }, [model]);

  const zoom = (/** @type {number} */ factor) =>
    setSeconds((before) =>
      Math.round(Math.min(LONGEST_VIEW_SECONDS, Math.max(SHORTEST_VIEW_SECONDS, before * factor))),
    );
  useEffect(() => {
    const element = canvas.current;
    const onWheel = (/** @type {WheelEvent} */ event) => {
      // Plain scrolling is the page's; over the lanes it zooms only with a key held, or by a pinch.
      if (!event.ctrlKey && !event.shiftKey && !event.altKey) return;
      event.preventDefault();
      zoom(event.deltaY + event.deltaX > 0 ? 1.25 : 0.8);
    };
    element?.addEventListener("wheel", onWheel, { passive: false });
    return () => element?.removeEventListener("wheel", onWheel);
  }, []);

  const barAt = (/** @type {PointerEvent|MouseEvent} */ event) => {
    const shown = view.current;
    if (!shown) return null;
    const box = /** @type {Element} */ (event.currentTarget).getBoundingClientRect();
    const x = event.clientX - box.left;
    const lane = Math.floor((event.clientY - box.top - TOP) / shown.pitch);
    const found = model.within(shown.from, shown.to).filter((bar) => bar.lane === lane);
    const bar = found.find(
      (one) => x >= shown.x(one.opened) - 3 && x <= shown.x(Math.min(one.closed, shown.to)) + 3,
    );
    return bar ? { bar, x, y: event.clientY - box.top } : null;
  };

  const resting = empty && !isUp(service.status.state);
  return html`<section class=${`card lanes ${resting ? "resting" : ""}`} aria-label="Lanes">
    <div class="card-head slim-head">
      <h2>
        Lanes<span class="count"
          >last ${seconds} s${hidden > 0 ? `, no room for ${number(hidden)} more` : ""}</span
        >
      </h2>
      <div class="legend push">
        <span><i class="i-open"></i>open</span><span><i class="i-shut"></i>closed</span
        ><span><i class="i-in"></i>in</span><span><i class="i-out"></i>out</span
        ><span><i class="i-bad"></i>error</span>
      </div>
      <div class="row">
        <${Button}
          small
          kind="quiet"
          onClick=${() => zoom(0.5)}
          label="Zoom in"
          icon="plus"
        /><${Button} small kind="quiet" onClick=${() => zoom(2)} label="Zoom out" icon="minus" />
        <${Button}
          small
          kind=${pausedAt === null ? "quiet" : "primary"}
          icon=${pausedAt === null ? "pause" : "play"}
          label=${pausedAt === null ? "Pause the lanes" : "Go on with the lanes"}
          onClick=${() => setPausedAt(pausedAt === null ? serverNow() : null)}
        />
      </div>
    </div>
    <canvas
      ref=${canvas}
      role="img"
      aria-label=${`Connections of ${service.name} over the last ${seconds} seconds`}
      onPointerMove=${(/** @type {PointerEvent} */ event) => setTip(barAt(event))}
      onPointerLeave=${() => setTip(null)}
      onClick=${(/** @type {MouseEvent} */ event) => {
        const found = barAt(event);
        if (found) onPick(found.bar.id);
      }}
    ></canvas>
    ${tip && html`<${Tip} ...${tip} />`}
  </section>`;
}

/** @param {{bar: Bar, x: number, y: number}} props */
function Tip({ bar, x, y }) {
  const open = bar.closed === Number.POSITIVE_INFINITY;
  const place = useRef(/** @type {HTMLElement|null} */ (null));
  useEffect(() => {
    const element = place.current;
    const width = element?.parentElement?.clientWidth ?? 0;
    if (element)
      element.style.left = `${Math.max(8, Math.min(width - element.offsetWidth - 8, x + 14))}px`;
  });
  return html`<div class="lane-tip" ref=${place} style=${{ top: `${y + 48}px` }}>
    <strong class="mono">#${bar.id}</strong> <span class="mono">${visibleText(bar.peer)}</span
    ><br />
    ${open ? `open for ${duration(serverNow() - bar.opened)}` : `${words(bar.reason) || "closed"} after ${span(bar.closed - bar.opened)}`}<br />
    <span class="in">${size(bar.bytesIn)} in</span>,
    <span class="out">${size(bar.bytesOut)} out</span>
  </div>`;
}
