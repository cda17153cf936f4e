// @ts-check
/** What stands above a conversation: how it is shown, what is searched for, pause and follow. */

import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Button, Icon, Segment } from "../kit.js";
import { parseNeedle } from "../../lib/conversation/needle.js";
import { number } from "../../lib/format.js";
import { keys } from "../../lib/keys.js";

/** @import { Conversation } from "../../lib/conversation/conversation.js" */
/** @import { View } from "../../lib/conversation/layout.js" */
/** @import { NeedleKind } from "../../lib/conversation/needle.js" */
/** @import { Search } from "../../lib/conversation/search.js" */

const TYPING_MS = 180;
const VIEWS = [
  { value: "auto", text: "Auto" },
  { value: "text", text: "Text" },
  { value: "lines", text: "Lines" },
  { value: "json", text: "JSON" },
  { value: "hex", text: "Hex" },
];
const GROUP = "Conversation";

/**
 * @param {{
 *   conversation: Conversation, search: Search, view: View, setView: (view: View) => void, open: boolean,
 *   top: {current: number}, go: import("@preact/signals").Signal<number>,
 * }} props
 */
export function ConversationTools({ conversation, search, view, setView, open, top, go }) {
  void conversation.version.value;
  const held = conversation.held === "button";
  const follows = conversation.isLive;
  const turn = () => (held ? conversation.release() : conversation.hold("button"));
  const follow = () => (conversation.isLive ? conversation.hold("scroll") : conversation.toEnd());
  useEffect(() => {
    const ends = [
      keys.bind(
        " ",
        "Pause or go on",
        (event) => {
          event.preventDefault();
          if (conversation.held === "button") conversation.release();
          else conversation.hold("button");
        },
        GROUP,
      ),
      keys.bind("f", "Follow the end, or stay here", follow, GROUP),
      keys.note("Home End", "First and last message, from within it", GROUP),
    ];
    return () => ends.forEach((end) => end());
  }, []);
  return html`<div class="tools talk-tools">
    <${Segment} label="Messages as" value=${view} options=${VIEWS} onChange=${setView} />
    <${Find} search=${search} top=${top} go=${go} />
    <span class="push"></span>
    ${
      conversation.hasOlder &&
      html`<${Button}
          small
          kind="quiet"
          icon="up"
          onClick=${() => conversation.toStart()}
        ><span class="wide-word">First</span></${Button}>`
    }
    ${
      open
        ? html`<button
            type="button"
            class=${`btn small ${follows ? "on" : ""}`}
            aria-pressed=${String(follows)}
            title="Follow the end (f)"
            onClick=${follow}
          >
            <${Icon} name="tail" /><span class="wide-word">Follow</span>
          </button>`
        : conversation.hasNewer &&
          html`<${Button}
            small
            kind="quiet"
            icon="down"
            onClick=${() => conversation.toEnd()}
          ><span class="wide-word">Last</span></${Button}>`
    }
    ${open && html`<${Button}
        small
        icon=${held ? "play" : "pause"}
        kind=${held ? "primary" : ""}
        onClick=${turn}
      >${held ? `Go on${conversation.missed ? `, ${number(conversation.missed)} new` : ""}` : html`<span class="wide-word">Pause</span>`}</${Button}>`}
  </div>`;
}

/**
 * @param {{search: Search, top: {current: number}, go: import("@preact/signals").Signal<number>}} props
 */
function Find({ search, top, go }) {
  void search.version.value;
  const [typed, setTyped] = useState("");
  const [kind, setKind] = useState(/** @type {NeedleKind} */ ("text"));
  const [wrong, setWrong] = useState("");
  const field = useRef(/** @type {HTMLInputElement|null} */ (null));
  const started = useRef("");

  const begin = () => {
    const asked = `${kind} ${typed}`;
    if (asked === started.current) return;
    started.current = asked;
    try {
      setWrong("");
      search.start(parseNeedle(typed, kind));
    } catch (error) {
      search.start(null);
      setWrong(/** @type {Error} */ (error).message);
    }
  };
  useEffect(() => {
    const timer = setTimeout(begin, TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed, kind]);
  useEffect(
    () =>
      keys.bind(
        "/",
        "Search in the conversation",
        (event) => {
          event.preventDefault();
          field.current?.focus();
          field.current?.select();
        },
        GROUP,
      ),
    [],
  );
  const step = (/** @type {1|-1} */ way) => {
    begin();
    if (search.step(way, top.current)) go.value += 1;
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      step(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape") {
      if (typed) setTyped("");
      else field.current?.blur();
    }
  };
  const none = search.needle && !search.running && search.hits.length === 0;
  return html`<div class="find" role="search" aria-label="In the conversation">
    <div class="search">
      <${Icon} name="search" />
      <input
        type="search"
        ref=${field}
        value=${typed}
        placeholder=${kind === "hex" ? "Bytes, as 0d 0a" : "Search messages"}
        aria-label="Search in the conversation"
        aria-invalid=${wrong ? "true" : undefined}
        spellcheck="false"
        autocomplete="off"
        onInput=${(/** @type {any} */ event) => setTyped(event.currentTarget.value)}
        onKeyDown=${onKeyDown}
      /><kbd>/</kbd>
    </div>
    <button
      type="button"
      class=${`btn small ${kind === "hex" ? "on" : ""}`}
      aria-pressed=${String(kind === "hex")}
      aria-label="Search for hex bytes"
      title="Search for bytes, typed in hexadecimal"
      onClick=${() => setKind(kind === "hex" ? "text" : "hex")}
    >
      hex
    </button>
    ${
      (search.needle || wrong) &&
      html`<span class=${`found-count ${wrong || none ? "bad" : "dim"}`} role="status"
          >${wrong || countOf(search)}</span
        ><${Button}
          small
          kind="quiet"
          icon="up"
          label="Previous hit (Shift Enter)"
          disabled=${search.hits.length === 0}
          onClick=${() => step(-1)}
        /><${Button}
          small
          kind="quiet"
          icon="down"
          label="Next hit (Enter)"
          disabled=${search.hits.length === 0}
          onClick=${() => step(1)}
        />`
    }
  </div>`;
}

/** @param {Search} search */
function countOf(search) {
  if (search.problem) return search.problem;
  const count = `${number(search.hits.length)}${search.isFull ? "+" : ""}`;
  if (search.running) return `${count}, looking on …`;
  if (search.hits.length === 0) return "not found";
  return search.at < 0 ? `${count} ${search.hits.length === 1 ? "hit" : "hits"}` : `${number(search.at + 1)} of ${count}`;
}
