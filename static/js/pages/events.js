// @ts-check
/** Everything that happens, filtered: live, or at any moment that is kept. */

import { html } from "htm/preact";
import { useEffect, useState } from "preact/hooks";
import { signal } from "@preact/signals";
import { EventTools, TakeAlong } from "../components/event-tools.js";
import { FilterBox } from "../components/filter-box.js";
import { FilterChips } from "../components/filter-chips.js";
import { Button, Empty, Icon, Lamp, Notice } from "../components/kit.js";
import { LinkNotice } from "../components/link-notice.js";
import { Tail, usePauseKey } from "../components/tail.js";
import { link } from "../components/tools.js";
import { boot } from "../lib/boot.js";
import { onTick } from "../lib/clock.js";
import { EventFeed } from "../lib/event-feed.js";
import { withTerm } from "../lib/filter-text.js";
import { clock, clockSeconds, day, frequency, plural, sentence } from "../lib/format.js";
import { keys } from "../lib/keys.js";
import { preference } from "../lib/memory.js";
import { open } from "../lib/shell.js";

/** @import { As } from "../components/bytes.js" */
/** @import { Group } from "../lib/events.js" */
/** @import { DeckEvent } from "../types.js" */

const RECENT = 6;
const EXAMPLES = ["kind:error", "-kind:data", "kind:closed duration:>1s", "length:>1KiB"];

const feed = new EventFeed();
const { tail, view } = feed;
const recent = signal(/** @type {string[]} */ (preference.get("filters", [])));
/** Events a second that match. */
const pace = signal(0);
/** From when to when the rows in sight are. */
const seen = signal("");

onTick(() => {
  pace.value = feed.came;
  feed.came = 0;
});

/** @param {string} filter one that the server takes */
function apply(filter) {
  if (filter) {
    recent.value = [filter, ...recent.value.filter((one) => one !== filter)].slice(0, RECENT);
    preference.set("filters", recent.value);
  }
  if (filter !== view.peek().filter) feed.look({ filter });
}

const onTerm = (/** @type {string} */ term) => apply(withTerm(view.peek().filter, term));

/** What stands where there is nothing to list. */
function Nothing() {
  void tail.version.value;
  const { filter, hidden, at } = view.value;
  if (feed.isWrong.value) {
    return html`<${Empty}
      title="This is no filter"
      text="What is wrong with it stands under the field; until it is put right there is nothing to show."
    >
      <${Button} onClick=${() => apply("")}>Clear the filter</${Button}>
    </${Empty}>`;
  }
  if (tail.isLoading) {
    return html`<div class="reading" role="status" aria-label="Reading what is kept">
      ${Array.from({ length: 12 }, (_, place) => html`<span class="skeleton" key=${place}></span>`)}
    </div>`;
  }
  if (tail.failed) {
    return html`<${Empty}
      title="The events could not be read"
      text=${`${sentence(tail.failed.error.message)}.`.replace(/\.\.$/, ".")}
    >
      <${Button} icon="restart" kind="primary" onClick=${() => feed.retry()}>Try again</${Button}>
    </${Empty}>`;
  }
  if (!filter && !hidden.length) {
    return html`<${Empty}
      title="Quiet"
      text="Nothing has happened yet. Connections, data, errors, what handlers print and what services do appear here, as they happen."
    >
      <${Button} href="/">To the services</${Button}>
    </${Empty}>`;
  }
  return html`<${Empty}
    title="Nothing matches"
    text=${
      at === null
        ? "None of the events that are kept is meant. One that happens from now on appears at once."
        : "None of the events that are kept is meant, before this moment or after it."
    }
  >
    ${filter && html`<${Button} onClick=${() => apply("")}>Clear the filter</${Button}>`}
    ${hidden.length > 0 && html`<${Button} onClick=${() => feed.look({ hidden: [] })}>Show all kinds</${Button}>`}
  </${Empty}>`;
}

/** @param {{edge: import("../lib/scrollback.js").Edge, words: Record<string, string>}} props */
const EdgeOfList = ({ edge, words }) =>
  edge === "failed"
    ? html`<span class="bad"><${Icon} name="warn" class="small" /> ${words["failed"]}</span>
        <button type="button" class="link" onClick=${() => feed.retry()}>Try again</button>`
    : html`<span class=${edge === "reading" ? "breathing" : ""}>${words[edge]}</span>`;

/** What the list stands at: live or held, how many, from when to when. */
function Foot() {
  void tail.version.value;
  const { at } = view.value;
  const live = link.value?.state.value.is === "live" && !feed.refused.value;
  const state = tail.paused
    ? at !== null
      ? `at ${day(at)}, ${clockSeconds(at)}`
      : "held"
    : live
      ? "following"
      : "not live";
  return html`<footer class="events-foot">
    <span class="row"><${Lamp} state=${tail.paused ? "suspended" : live ? "running" : "failed"} />${state}</span>
    <span class="rate" title="Events a second that match">${frequency(pace.value)}<span class="faint"> a second</span></span>
    <span class="only-wide">${plural(tail.shown.length, "event")}<span class="faint"> shown</span></span>
    <span class="push mono clip">${seen.value}</span>
  </footer>`;
}

/** @param {DeckEvent} first @param {DeckEvent} last */
function onSeen(first, last) {
  const [from, to] = [day(first.time), day(last.time)];
  const days = from === to ? to : `${from} to ${to}`;
  seen.value = `${clock(first.time)} – ${clock(last.time)}  ${days}`;
}

function Events() {
  const [as, setAs] = useState(/** @type {As} */ ("auto"));
  const { filter } = view.value;
  void tail.version.value;
  useEffect(() => {
    document.title = `${filter ? `${filter} · ` : ""}Events · Socketdeck`;
  }, [filter]);
  usePauseKey(tail, keys);
  useEffect(() => keys.bind("End", "Back to now", () => tail.resume(), "Events"), []);
  return html`<${LinkNotice} />
    <header class="page-head events-head">
      <h1>Events</h1>
      <span class="push"></span>
      <${TakeAlong} tail=${tail} view=${view.value} />
    </header>
    ${
      feed.refused.value &&
      html`<${Notice}
        tone="warn"
        what="These events are not followed live."
        why=${`${sentence(feed.refused.value)}. What is kept is shown all the same.`}
      />`
    }
    <section class="card events-card" aria-label="Events">
      <div class="filter-bar">
        <${FilterBox} text=${filter} recent=${recent.value} onApply=${apply} />
        ${filter ? html`<${FilterChips} text=${filter} onApply=${apply} />` : html`<${Examples} />`}
      </div>
      <${EventTools}
        tail=${tail}
        view=${view.value}
        as=${as}
        setAs=${setAs}
        onToggle=${(/** @type {Group} */ group) => feed.toggle(group)}
        onJump=${(/** @type {string} */ at) => feed.look({ at })}
        onNow=${() => tail.resume()}
      />
      <${Tail}
        tail=${tail}
        as=${as}
        withService
        onTerm=${onTerm}
        onSeen=${onSeen}
        empty=${html`<${Nothing} />`}
        head=${html`<${EdgeOfList}
          edge=${tail.older}
          words=${{
            more: "Scroll up for older events",
            reading: "Reading older events",
            end: "The first that is kept",
            failed: "Older events could not be read.",
          }}
        />`}
        foot=${
          tail.paused &&
          tail.newer !== "end" &&
          html`<${EdgeOfList}
            edge=${tail.newer}
            words=${{
              more: "Scroll down for later events",
              reading: "Reading later events",
              failed: "Later events could not be read.",
            }}
          />`
        }
      />
      <${Foot} />
    </section>`;
}

/** Where no filter is, what one may look like. */
const Examples = () =>
  html`<ul class="chips examples" aria-label="Examples of filters">
    <li class="chip-joint">try</li>
    ${EXAMPLES.map(
      (text) =>
        html`<li key=${text}>
          <button type="button" class="chip example mono" onClick=${() => apply(text)}>${text}</button>
        </li>`,
    )}
  </ul>`;

void feed.begin(boot.events, Number(boot.seq), open(html`<${Events} />`));
