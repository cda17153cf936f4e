// @ts-check
/**
 * The conversation itself: a window into it, that follows the end or stays where somebody reads.
 */

import { html } from "htm/preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { Bubble, MarkLine, noteOf, rowsIn } from "./message.js";
import { Blocks, ROW, bodyTop } from "../../lib/conversation/blocks.js";
import { rowOf } from "../../lib/conversation/layout.js";
import { findAll } from "../../lib/conversation/needle.js";

/** @import { Conversation } from "../../lib/conversation/conversation.js" */
/** @import { Block } from "../../lib/conversation/blocks.js" */
/** @import { View } from "../../lib/conversation/layout.js" */
/** @import { Message } from "../../lib/conversation/messages.js" */
/** @import { Search } from "../../lib/conversation/search.js" */
/** @import { Found } from "./row.js" */

const OVERSCAN = 480;
/** Scrolling by less than this draws nothing anew: it stays within what is drawn already. */
const STEP = 160;
const NEAR = 800;
const NARROW = 620;
/** Beside a message stand its time and size, where there is room. */
const BESIDE = 132;
const FOUND_A_MESSAGE = 2_000;

/**
 * @param {{
 *   conversation: Conversation, view: View, search: Search, empty: any,
 *   top: {current: number}, go: import("@preact/signals").Signal<number>,
 * }} props  top: the seq at the upper edge, for a search; go: grows when the current hit is to be seen
 */
export function ConversationList({ conversation, view, search, empty, top, go }) {
  void conversation.version.value;
  void search.version.value;
  const ref = useRef(/** @type {HTMLElement|null} */ (null));
  const ruler = useRef(/** @type {HTMLElement|null} */ (null));
  const [place, setPlace] = useState({ top: 0, height: 800 });
  const [room, setRoom] = useState({ width: 0, columns: 80 });
  /** @param {HTMLElement} list */
  const look = ({ scrollTop, clientHeight }) => {
    const next = { top: Math.floor(scrollTop / STEP) * STEP, height: clientHeight };
    setPlace((before) => (before.top === next.top && before.height === next.height ? before : next));
  };
  const anchor = useRef({ seq: -1, within: 0 });
  const reaching = useRef(false);
  const blocks = useMemo(() => new Blocks(), []);
  const found = useMemo(() => new WeakMap(), [search.needle]);

  useMemo(
    () => blocks.place(conversation.entries, view, room.columns, noteOf),
    [conversation.version.value, view, room.columns],
  );

  useLayoutEffect(() => {
    const list = ref.current;
    if (!list) return undefined;
    const measure = () => {
      const width = list.clientWidth;
      const column = (ruler.current?.getBoundingClientRect().width ?? 72) / 10 || 7.2;
      const beside = width < NARROW ? 0 : BESIDE;
      const columns = Math.max(16, Math.floor((width - 60 - beside) / column));
      setRoom((before) =>
        before.width === width && before.columns === columns ? before : { width, columns },
      );
      look(list);
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(list);
    return () => observer.disconnect();
  }, [conversation.entries.length === 0]);

  const measureAnchor = () => {
    const list = ref.current;
    const block = list && blocks.list[blocks.at(list.scrollTop)];
    if (!list || !block) return;
    anchor.current = { seq: block.entry.seq, within: list.scrollTop - block.top };
    top.current = block.entry.seq;
  };

  // What changed above the edge must not move what is below it; one who follows stays at the end.
  useLayoutEffect(() => {
    const list = ref.current;
    if (!list) return;
    if (conversation.isLive) {
      if (list.scrollHeight - list.scrollTop - list.clientHeight > 1) {
        list.scrollTop = list.scrollHeight;
        look(list);
      }
    } else {
      const block = blocks.ofSeq(anchor.current.seq);
      const wanted = block
        ? block.top + (block.entry.seq === anchor.current.seq ? anchor.current.within : 0)
        : list.scrollTop;
      if (Math.abs(wanted - list.scrollTop) >= 1) {
        list.scrollTop = wanted;
        look(list);
      }
    }
    measureAnchor();
  }, [conversation.version.value, view, room.columns, conversation.isLive, place.height]);

  const fetchNear = () => {
    const list = ref.current;
    if (!list) return;
    if (list.scrollTop < NEAR && conversation.hasOlder && !conversation.isLive) conversation.older();
    const below = list.scrollHeight - list.scrollTop - list.clientHeight;
    if (below < NEAR && conversation.hasNewer && conversation.held !== "button")
      conversation.newer();
  };
  useEffect(fetchNear, [conversation.version.value]);

  const onScroll = () => {
    const list = ref.current;
    if (!list) return;
    look(list);
    const below = list.scrollHeight - list.scrollTop - list.clientHeight;
    if (!reaching.current) {
      if (below < ROW) conversation.release("scroll");
      else if (conversation.isLive) conversation.hold("scroll");
    }
    reaching.current = false;
    measureAnchor();
    fetchNear();
  };

  // The current hit comes into sight, wherever in the conversation it is.
  useEffect(() => {
    const hit = search.current;
    if (!hit || go.value === 0) return;
    conversation.hold("scroll");
    conversation.toSeq(hit.seq).then(() => {
      requestAnimationFrame(() => {
        const list = ref.current;
        const block = blocks.list.find((one) => one.entry.seq === hit.seq);
        if (!list || !block?.laid) return;
        const row = block.laid.as === "json" ? jsonRow(block, search) : rowOf(block.laid, hit.offset);
        reaching.current = true;
        list.scrollTop = block.top + bodyTop(block) + row * ROW - list.clientHeight / 3;
        look(list);
        measureAnchor();
      });
    });
  }, [go.value]);

  /** @param {Message} message @returns {Found|null} */
  const foundIn = (message) => {
    const { needle } = search;
    if (!needle || !message.bytes) return null;
    let offsets = found.get(message);
    if (!offsets) {
      offsets = findAll(message.bytes, needle, FOUND_A_MESSAGE);
      found.set(message, offsets);
    }
    const hit = search.current;
    return { needle, offsets, current: hit?.seq === message.seq ? hit.offset : -1 };
  };

  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.target !== ref.current) return;
    if (event.key === "Home") {
      event.preventDefault();
      conversation.hold("scroll");
      conversation.toStart().then(() => {
        if (ref.current) ref.current.scrollTop = 0;
      });
    } else if (event.key === "End") {
      event.preventDefault();
      conversation.toEnd();
    }
  };

  if (conversation.entries.length === 0 && !conversation.loading)
    return html`<div class="talk-list" ref=${ref} tabindex="0" role="region" aria-label="Conversation">
      ${empty}
    </div>`;
  // What was in sight may be shorter by now: then its end is.
  const upper = Math.max(0, Math.min(place.top, blocks.height - place.height));
  const from = blocks.at(upper - OVERSCAN);
  const to = Math.min(blocks.list.length, blocks.at(upper + place.height + OVERSCAN) + 1);
  const before = blocks.list[from]?.top ?? 0;
  const last = blocks.list[to - 1];
  const after = last ? blocks.height - last.top - last.height : 0;
  return html`<div
    class=${`talk-list ${room.width < NARROW ? "narrow" : ""}`}
    ref=${ref}
    role="log"
    aria-label="Conversation"
    aria-live="off"
    tabindex="0"
    onScroll=${onScroll}
    onKeyDown=${onKeyDown}
  >
    <span class="ruler bytes" ref=${ruler} aria-hidden="true">0000000000</span>
    <div style=${{ height: `${before}px` }}></div>
    ${blocks.list
      .slice(from, to)
      .map((block) =>
        block.entry.is === "mark"
          ? html`<${MarkLine} key=${block.entry.seq} block=${block} mark=${block.entry} conversation=${conversation} />`
          : html`<${Bubble}
              key=${block.entry.seq}
              block=${block}
              message=${block.entry}
              found=${foundIn(block.entry)}
              conversation=${conversation}
              ...${rowsIn(block, upper - OVERSCAN, upper + place.height + OVERSCAN)}
            />`,
      )}
    <div style=${{ height: `${after}px` }}></div>
  </div>`;
}

/** @param {Block} block @param {Search} search */
function jsonRow(block, search) {
  const wanted = search.needle?.text.toLowerCase() ?? "";
  const at = block.laid?.texts?.findIndex((text) => text.toLowerCase().includes(wanted)) ?? 0;
  return Math.max(0, at);
}
