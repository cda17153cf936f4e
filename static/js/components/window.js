// @ts-check
/** Which rows of a long list are in sight: only those are drawn, however many there are. */

import { useLayoutEffect, useRef, useState } from "preact/hooks";

const OVERSCAN = 8;

/**
 * For a scrolling element (`ref`) with rows of one height.
 * @param {number} count
 * @param {number} rowHeight
 * @param {boolean} [atEnd] whether the last rows are to be in sight, wherever it is scrolled to as yet
 * @returns {{
 *   ref: {current: HTMLElement|null}, top: number, inSight: number, start: number, end: number,
 *   before: number, after: number, onScroll: () => void,
 * }}
 */
export function useWindow(count, rowHeight, atEnd = false) {
  const ref = useRef(/** @type {HTMLElement|null} */ (null));
  const [view, setView] = useState({ top: 0, height: 800 });
  const measure = () => {
    const scrolled = ref.current;
    if (!scrolled) return;
    const top = Math.floor(scrolled.scrollTop / rowHeight);
    const height = Math.ceil(scrolled.clientHeight / rowHeight) * rowHeight;
    setView((before) =>
      before.top === top && before.height === height ? before : { top, height },
    );
  };
  // The element may come later than the component, where there was nothing to list at first.
  const element = ref.current;
  useLayoutEffect(() => {
    if (!ref.current) return undefined;
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, [element]);
  useLayoutEffect(() => {
    if (!atEnd) measure();
  }, [atEnd]);
  const rows = Math.ceil(view.height / rowHeight);
  const top = atEnd ? Math.max(0, count - rows) : view.top;
  const start = Math.max(0, Math.min(top, count - rows) - OVERSCAN);
  const end = Math.min(count, Math.max(0, top) + rows + OVERSCAN);
  return {
    ref,
    top,
    inSight: rows,
    start,
    end,
    before: start * rowHeight,
    after: Math.max(0, count - end) * rowHeight,
    onScroll: measure,
  };
}

/**
 * Arrows, Home, End, Enter and the rest for a list whose rows carry `data-row`: the focus moves along.
 * @param {KeyboardEvent} event
 * @param {{onEnter?: (row: HTMLElement) => void}} [how]
 */
export function moveInRows(event, how = {}) {
  const target = /** @type {HTMLElement} */ (event.target);
  const row = /** @type {HTMLElement|null} */ (target.closest("[data-row]"));
  if (!row || target !== row) return;
  const step =
    event.key === "ArrowDown" || event.key === "j"
      ? "nextElementSibling"
      : event.key === "ArrowUp" || event.key === "k"
        ? "previousElementSibling"
        : null;
  if (step) {
    const next = /** @type {HTMLElement|null} */ (row[step]);
    if (!next?.matches("[data-row]")) return;
    event.preventDefault();
    next.focus();
  } else if (event.key === "Enter" && how.onEnter) {
    event.preventDefault();
    how.onEnter(row);
  }
}
