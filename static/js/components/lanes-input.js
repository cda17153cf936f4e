// @ts-check
/** Pointer, wheel, touch and keys over the lanes' canvas. */

/** @import { Bar } from "../lib/lanes.js" */
/** @import { Stage } from "./lanes-stage.js" */

/** A press that moves less than this is a click. */
const CLICK_PX = 4;
/** Who scrolls the page over the lanes goes on scrolling it: the wheel is theirs after a rest. */
const REST_MS = 250;
const ZOOM_A_STEP = 1.25;
/** Of the view, for one press of an arrow. */
const PAN_A_PRESS = 0.15;

/**
 * @param {HTMLCanvasElement} element
 * @param {Stage} stage
 * @param {object} told
 * @param {() => void} told.onView  the view is another one
 * @param {(bar: Bar|null) => void} told.onMark  another bar is pointed at, or none
 * @param {(bar: Bar, beside: boolean) => void} told.onOpen  a bar is to be opened, `beside` this page
 * @returns {() => void} ends it
 */
export function listen(element, stage, { onView, onMark, onOpen }) {
  /** Those that press, by their ids. @type {Map<number, {x: number, y: number}>} */
  const pressing = new Map();
  let travelled = 0;
  let scrolledAt = -REST_MS;
  let framed = false;

  const mark = (/** @type {Bar|null} */ bar) => {
    if (bar === stage.marked && !bar) return;
    stage.marked = bar;
    element.classList.toggle("on-bar", bar !== null);
    stage.wake();
    onMark(bar);
  };
  /** Many moves in a frame make one view. */
  const moved = () => {
    stage.wake();
    if (framed) return;
    framed = true;
    requestAnimationFrame(() => {
      framed = false;
      onView();
    });
  };
  const at = (/** @type {PointerEvent|WheelEvent|MouseEvent} */ event) => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const middle = () => {
    let sum = 0;
    for (const place of pressing.values()) sum += place.x;
    return sum / pressing.size;
  };
  const spread = () => {
    const [one, other] = [...pressing.values()];
    return one && other ? Math.max(20, Math.abs(one.x - other.x)) : 0;
  };

  /** @type {Record<string, (event: any) => void>} */
  const heard = {
    pointerdown(/** @type {PointerEvent} */ event) {
      if (event.button !== 0) return;
      if (pressing.size === 0) travelled = 0;
      pressing.set(event.pointerId, at(event));
      element.setPointerCapture(event.pointerId);
    },
    pointermove(/** @type {PointerEvent} */ event) {
      const place = at(event);
      stage.pointer = { ...place, inside: true };
      const before = pressing.get(event.pointerId);
      if (!before) {
        stage.byKey = false;
        mark(stage.barAt(place.x, place.y));
        return;
      }
      const wasMiddle = middle();
      const wasSpread = spread();
      pressing.set(event.pointerId, place);
      travelled += Math.abs(place.x - before.x) + Math.abs(place.y - before.y);
      if (travelled < CLICK_PX) return;
      element.classList.add("dragged");
      if (stage.marked) mark(null);
      if (pressing.size > 1) {
        travelled += CLICK_PX;
        stage.view.zoom(wasSpread / spread(), stage.timeAt(middle()));
      }
      stage.view.pan(stage.secondsIn(middle() - wasMiddle));
      moved();
    },
    pointerup(/** @type {PointerEvent} */ event) {
      if (!pressing.delete(event.pointerId)) return;
      if (pressing.size > 0) return;
      element.classList.remove("dragged");
      const place = at(event);
      const bar = travelled < CLICK_PX ? stage.barAt(place.x, place.y) : null;
      if (bar) onOpen(bar, event.ctrlKey || event.metaKey);
    },
    pointercancel(/** @type {PointerEvent} */ event) {
      pressing.delete(event.pointerId);
      element.classList.remove("dragged");
    },
    pointerleave() {
      stage.pointer.inside = false;
      if (!stage.byKey) mark(null);
    },
    wheel(/** @type {WheelEvent} */ event) {
      const now = performance.now();
      if (!event.ctrlKey && now - scrolledAt < REST_MS) {
        scrolledAt = now;
        return;
      }
      event.preventDefault();
      if (Math.abs(event.deltaX) > Math.abs(event.deltaY))
        stage.view.pan(-stage.secondsIn(event.deltaX));
      else {
        const step = Math.min(1, Math.abs(event.deltaY) / (event.ctrlKey ? 10 : 100));
        const factor = ZOOM_A_STEP ** (event.deltaY > 0 ? step : -step);
        stage.view.zoom(factor, stage.timeAt(at(event).x));
      }
      moved();
    },
    keydown(/** @type {KeyboardEvent} */ event) {
      if (event.ctrlKey || event.metaKey || event.altKey || !press(event.key)) return;
      event.preventDefault();
      event.stopPropagation();
    },
    blur() {
      stage.byKey = false;
      mark(null);
    },
  };

  /** @param {string} key @returns {boolean} whether it means something here */
  function press(key) {
    const { view } = stage;
    if (key === "ArrowLeft" || key === "ArrowRight") {
      view.pan(view.seconds * (key === "ArrowLeft" ? PAN_A_PRESS : -PAN_A_PRESS));
    } else if (key === "+" || key === "=" || key === "-") {
      view.zoom(key === "-" ? ZOOM_A_STEP ** 2 : ZOOM_A_STEP ** -2);
    } else if (key === "Home") {
      view.follow();
    } else if (key === "ArrowUp" || key === "ArrowDown") {
      const bars = stage.inView();
      const from = stage.marked ? bars.indexOf(stage.marked) : -1;
      const next = key === "ArrowDown" ? from + 1 : from < 0 ? bars.length - 1 : from - 1;
      stage.byKey = true;
      stage.pointer.inside = false;
      mark(bars[Math.min(Math.max(next, 0), bars.length - 1)] ?? null);
      return true;
    } else if (key === "Escape" && stage.marked) {
      mark(null);
      return true;
    } else if (key === "Enter" && stage.marked) {
      onOpen(stage.marked, false);
      return true;
    } else return false;
    moved();
    return true;
  }

  const onScroll = () => {
    scrolledAt = performance.now();
  };
  for (const [name, hear] of Object.entries(heard))
    element.addEventListener(name, hear, name === "wheel" ? { passive: false } : undefined);
  addEventListener("scroll", onScroll, { passive: true, capture: true });
  return () => {
    for (const [name, hear] of Object.entries(heard)) element.removeEventListener(name, hear);
    removeEventListener("scroll", onScroll, { capture: true });
  };
}
