// @ts-check
/** The live tail: a windowed list of events with the one that is picked beside it. */

import { html } from "htm/preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { Preview, Untrusted } from "./bytes.js";
import { EventDetail } from "./event-detail.js";
import { Button, Icon, Segment } from "./kit.js";
import { moveInRows, useWindow } from "./window.js";
import { GROUPS, describe } from "../lib/events.js";
import { clock, clockSeconds, number, plural } from "../lib/format.js";

/** @import { As } from "./bytes.js" */
/** @import { DeckEvent } from "../types.js" */
/** @import { Group, Line } from "../lib/events.js" */
/** @import { Tail as TailModel } from "../lib/tail.js" */
/** @import { OnTerm } from "./event-detail.js" */

const ROW = 24;
/** So near to an end the reader soon is at it. */
const NEAR = 30 * ROW;

/**
 * What a tail shows: one that ends with what the page has, or a scrollback that goes on at both ends.
 * @typedef {Pick<TailModel, "shown"|"paused"|"missed"|"version"|"pause"|"resume"> & {
 *   base?: number, moment?: string|null, mark?: number, atTop?: () => unknown, atBottom?: () => unknown,
 * }} Tailed
 */

/**
 * @param {{
 *   tail: Tailed, as?: As, withService?: boolean, empty?: any, onConnection?: (id: number) => void,
 *   head?: any, foot?: any, onTerm?: OnTerm, onSeen?: (first: DeckEvent, last: DeckEvent) => void,
 * }} props  `head` and `foot` stand in the list, before the first and after the last row
 */
export function Tail({
  tail,
  as = "auto",
  withService = false,
  empty,
  onConnection,
  head,
  foot,
  onTerm,
  onSeen,
}) {
  void tail.version.value;
  const rows = tail.shown;
  const view = useWindow(rows.length, ROW, !tail.paused);
  const [picked, setPicked] = useState(/** @type {DeckEvent|null} */ (null));
  const settling = useRef(false);
  const base = useRef(tail.base ?? 0);
  const moment = useRef(/** @type {string|null} */ (null));
  /** A row that is to have the focus, or to be in sight, once it is drawn: its seq. */
  const focusNext = useRef(/** @type {number|null} */ (null));
  const showNext = useRef(/** @type {number|null} */ (null));
  /** Whether it is held only for what is picked. */
  const heldByPick = useRef(false);

  useLayoutEffect(() => {
    const list = view.ref.current;
    const grown = base.current - (tail.base ?? 0);
    base.current = tail.base ?? 0;
    if (!list) return;
    if (!tail.paused) {
      const before = list.scrollTop;
      list.scrollTop = list.scrollHeight;
      settling.current = list.scrollTop !== before;
    } else if (tail.moment && tail.moment !== moment.current && rows.length) {
      list.scrollTop = placeAbove(rows, tail.mark ?? 0) * ROW - list.clientHeight / 2;
      view.onScroll();
      moment.current = tail.moment;
    } else if (grown) {
      // What was in sight stays in sight, whatever came in front of it.
      list.scrollTop += grown * ROW;
      view.onScroll();
    }
    if (!tail.moment) moment.current = null;
    moveFocus(list);
    if (showNext.current !== null) {
      const before = list.scrollTop;
      list.querySelector(`[data-seq="${showNext.current}"]`)?.scrollIntoView({ block: "nearest" });
      settling.current = list.scrollTop !== before;
      showNext.current = null;
    }
    if (list.scrollHeight <= list.clientHeight + NEAR) tail.atTop?.();
    const first = rows[view.top];
    const last = rows[Math.min(rows.length, view.top + view.inSight) - 1];
    if (first && last) onSeen?.(first, last);
  });

  /** @param {HTMLElement} list */
  const moveFocus = (list) => {
    if (focusNext.current === null) return;
    const row = list.querySelector(`[data-seq="${focusNext.current}"]`);
    if (row) focusNext.current = null;
    /** @type {HTMLElement|null} */ (row)?.focus({ preventScroll: true });
  };

  const onScroll = () => {
    const list = view.ref.current;
    if (!list) return;
    if (tail.paused || !settling.current) view.onScroll();
    const below = list.scrollHeight - list.scrollTop - list.clientHeight;
    if (below < NEAR) tail.atBottom?.();
    // A list that the picked one leaves less room for scrolls as well: only who reads on stays.
    if (!settling.current && below > list.clientHeight) heldByPick.current = false;
    if (below < ROW && !picked) tail.resume("scroll");
    else if (!settling.current) tail.pause("scroll");
    if (list.scrollTop < NEAR && !settling.current) tail.atTop?.();
    settling.current = false;
  };

  /** Hold it for a row that has the focus, and has it from then on. @param {HTMLElement} row */
  const hold = (row) => {
    if (tail.paused) return;
    if (document.activeElement === row) focusNext.current = Number(row.dataset["seq"]);
    tail.pause("scroll");
  };

  const pick = (/** @type {HTMLElement} */ row) => {
    const event = rows[Number(row.dataset["row"])];
    if (!event) return;
    heldByPick.current ||= tail.paused === null;
    showNext.current = event.seq;
    setPicked(event);
    hold(row);
  };
  /** Leave the picked one: by the pointer to follow on, by a key to its row. @param {Event} by */
  const leave = (by) => {
    if (by instanceof MouseEvent && by.detail > 0) {
      if (heldByPick.current && tail.paused === "scroll") tail.resume();
    } else focusNext.current = picked?.seq ?? null;
    heldByPick.current = false;
    setPicked(null);
  };

  /** A page up or down, or to an end: the focus goes along. @param {KeyboardEvent} event */
  const page = (event) => {
    const list = view.ref.current;
    const row = /** @type {HTMLElement} */ (event.target).closest?.("[data-row]");
    if (!list || !row || event.target !== row) return;
    const step = Math.max(1, view.inSight - 1);
    const at = Number(/** @type {HTMLElement} */ (row).dataset["row"]);
    const to = { PageUp: at - step, PageDown: at + step, Home: 0, End: rows.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (event.key === "End") tail.resume();
    else tail.pause("scroll");
    const next = Math.max(0, Math.min(rows.length - 1, to));
    focusNext.current = rows[next]?.seq ?? null;
    list.scrollTop += (next - at) * ROW;
    view.onScroll();
    moveFocus(list);
  };

  const marked = tail.moment ? placeAbove(rows, tail.mark ?? 0) : -1;
  if (rows.length === 0 && empty) return html`<div class="tail">${empty}</div>`;
  // Held, a row is its event's, and keeps the focus. Followed, the same elements show what comes: to
  // make new ones for thousands of events a second is more than a page can do.
  const keyFor = (/** @type {DeckEvent} */ event, /** @type {number} */ at) =>
    tail.paused ? event.seq : at;
  return html`<div
    class=${`tail ${withService ? "with-service" : ""}`}
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Escape" && picked) leave(event);
      else {
        page(event);
        moveInRows(event, { onEnter: pick });
      }
    }}
    onFocusIn=${(/** @type {FocusEvent} */ event) => {
      const row = /** @type {HTMLElement} */ (event.target);
      if (!row.matches("[data-row]:focus-visible")) return;
      // Under the keys a row stays where it is; with one picked, they pick the next.
      if (picked) pick(row);
      else hold(row);
    }}
  >
    <div
      class="tail-list"
      ref=${view.ref}
      role="list"
      aria-label="Events"
      tabindex=${rows.length ? -1 : 0}
      onScroll=${onScroll}
      onClick=${(/** @type {MouseEvent} */ event) => {
        const row = /** @type {HTMLElement|null} */ (
          /** @type {Element} */ (event.target).closest("[data-row]")
        );
        if (row && !getSelection()?.toString()) pick(row);
      }}
    >
      ${head && html`<div role="listitem" class="tail-edge">${head}</div>`}
      <div role="presentation" style=${{ height: `${view.before}px` }}></div>
      ${rows
        .slice(view.start, view.end)
        .map(
          (event, at) =>
            html`<${Row}
              key=${keyFor(event, at)}
              event=${event}
              index=${view.start + at}
              as=${as}
              withService=${withService}
              picked=${picked?.seq === event.seq}
              last=${view.start + at === rows.length - 1}
              moment=${view.start + at === marked ? tail.moment : null}
            />`,
        )}
      <div role="presentation" style=${{ height: `${view.after}px` }}></div>
      ${foot && html`<div role="listitem" class="tail-edge">${foot}</div>`}
    </div>
    ${
      tail.missed > 0 &&
      html`<button type="button" class="btn small tail-more" onClick=${() => tail.resume()}>
        <${Icon} name="tail" />${plural(tail.missed, "new event")}
      </button>`
    }
    ${picked && html`<${EventDetail}
        event=${picked}
        onClose=${leave}
        onConnection=${onConnection}
        onTerm=${onTerm}
      />`}
  </div>`;
}

/** The place of the first event above a seq. @param {DeckEvent[]} rows @param {number} seq */
function placeAbove(rows, seq) {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (/** @type {DeckEvent} */ (rows[middle]).seq <= seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * @param {{
 *   event: DeckEvent,
 *   index: number,
 *   as: As,
 *   withService: boolean,
 *   picked: boolean,
 *   last: boolean,
 *   moment: string|null|undefined,
 * }} props
 */
function Row({ event, index, as, withService, picked, last, moment }) {
  return useMemo(() => {
    const line = describe(event);
    const common = {
      role: "listitem",
      "data-row": index,
      "data-seq": event.seq,
      "data-moment": moment ? clockSeconds(moment) : undefined,
      tabindex: picked || last ? 0 : -1,
      "aria-current": picked ? "true" : undefined,
    };
    if (event.kind === "events.dropped") {
      return html`<div class="tail-row hole" ...${common}>
        <span class="time">${clock(event.time)}</span
        ><span class="what"><${Parts} line=${line} as=${as} /></span>
      </div>`;
    }
    return html`<div class=${`tail-row ${line.alarm ? "bad" : ""}`} ...${common}>
      <span class="time">${clock(event.time)}</span>
      ${withService && html`<a
          class="svc clip"
          tabindex="-1"
          href=${event.service ? `/services/${event.service}` : undefined}
        >${event.service ?? ""}</a>`}
      ${
        event.connection === null
          ? html`<span class="id"></span>`
          : html`<a class="id" tabindex="-1" href=${`/connections/${event.connection}`}
              >#${event.connection}</a
            >`
      }
      <span class=${`glyph ${line.tone}`}><${Icon} name=${line.glyph} class="small" /></span>
      <span class="kind clip">${line.word}</span>
      <span class="what"><${Parts} line=${line} as=${as} /></span>
    </div>`;
  }, [event, as, picked, last, index, withService, moment]);
}

/** @param {{line: Line, as: As}} props */
const Parts = ({ line, as }) => html`
  ${line.parts.map((part) =>
    part.untrusted
      ? html`<${Untrusted} text=${part.text} class=${part.mono ? "clip" : "clip plain"} />`
      : html`<span class=${`${part.dim ? "dim" : ""} ${part.mono ? "mono" : ""}`}
          >${part.text}</span
        >`,
  )}
  ${line.payload && html`<${Preview}
      base64=${line.payload.base64}
      truncated=${line.payload.truncated}
      as=${as}
    />`}
`;

/**
 * What stands above a tail: which kinds, as what, pause, clear.
 * @param {{tail: TailModel, as: As, setAs: (as: As) => void}} props
 */
export function TailTools({ tail, as, setAs }) {
  void tail.version.value;
  const held = tail.paused === "button";
  return html`
    <div class="toggles" role="group" aria-label="Kinds of events shown">
      ${Object.entries(GROUPS).map(
        ([key, text]) =>
          html`<button
            type="button"
            key=${key}
            aria-pressed=${String(!tail.hidden.has(/** @type {Group} */ (key)))}
            onClick=${() => tail.toggle(/** @type {Group} */ (key))}
          >
            ${text}
          </button>`,
      )}
    </div>
    <${Segment} label="Payloads as" value=${as} options=${[
      { value: "auto", text: "Auto" },
      { value: "text", text: "Text" },
      { value: "hex", text: "Hex" },
    ]} onChange=${setAs} />
    <${Button}
        small
        icon=${held ? "play" : "pause"}
        kind=${held ? "primary" : ""}
        onClick=${() => (held ? tail.resume() : tail.pause("button"))}
      >${held ? `Go on${tail.missed ? `, ${number(tail.missed)} new` : ""}` : "Pause"}</${Button}>
    <${Button} small kind="quiet" onClick=${() => tail.clear()}>Clear</${Button}>
  `;
}

/**
 * Space holds and releases a tail, while its component stands.
 * @param {Tailed} tail
 * @param {import("../lib/keys.js").Keys} keys
 */
export function usePauseKey(tail, keys) {
  useEffect(
    () =>
      keys.bind(
        " ",
        "Pause or go on with the tail",
        (event) => {
          event.preventDefault();
          if (tail.paused === "button") tail.resume();
          else tail.pause("button");
        },
        "Events",
      ),
    [tail],
  );
}
