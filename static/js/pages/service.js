// @ts-check
/**
 * One service: its head, its figures, its lanes, and tabs for all that can be seen and set of it.
 */

import { html } from "htm/preact";
import { useEffect, useState } from "preact/hooks";
import { signal } from "@preact/signals";
import { get, query } from "../api.js";
import { ConnectionsTable } from "../components/connections-table.js";
import { Copy } from "../components/copy.js";
import { Button, Empty, Notice } from "../components/kit.js";
import { Lanes } from "../components/lanes.js";
import { LinkNotice } from "../components/link-notice.js";
import { ServiceHead } from "../components/service-head.js";
import { Settings } from "../components/settings.js";
import { Figure, Figures } from "../components/spark.js";
import { Tabs } from "../components/tabs.js";
import { Tail, TailTools, usePauseKey } from "../components/tail.js";
import { TryIt } from "../components/try-it.js";
import { boot } from "../lib/boot.js";
import { now, onTick, serverNow } from "../lib/clock.js";
import { tryCommand } from "../lib/commands.js";
import { ConnectionBook } from "../lib/connections.js";
import { frequency, number, sizeParts, spanParts } from "../lib/format.js";
import { keys } from "../lib/keys.js";
import { LaneModel } from "../lib/lanes.js";
import { DeckMeters, countersOf } from "../lib/meters.js";
import { open } from "../lib/shell.js";
import { isDatagram, schemeOf } from "../lib/states.js";
import { Tail as TailModel } from "../lib/tail.js";

/** @import { Connection, DeckEvent, Frame, Service } from "../types.js" */

const RESYNC_MS = 2_000;
/** Connections, open or closed, that the lanes begin with. */
const LATELY = 200;

/** @type {import("@preact/signals").Signal<Service>} */
const service = signal(boot.service);
const name = service.value.name;
const gone = signal(false);
const book = new ConnectionBook(schemeOf(boot.service.address));
const bookVersion = signal(0);
const tail = new TailModel();
const lanes = new LaneModel();
const meters = DeckMeters.carriedOn();
const meter = meters.of(name);
/** Where the lists go on; the closed ones have not been asked for yet. */
const cursors = signal({ open: boot.connections.next_cursor ?? null, closed: "" });

const past = /** @type {DeckEvent[]} */ ([...boot.events.items].reverse());
book.load(boot.connections.items);
tail.seed(past);
lanes.load(boot.connections.items);
for (const event of past) book.note(event);

/** @param {Service} next */
const put = (next) => {
  service.value = next;
};

/** @param {DeckEvent[]} events */
function take(events) {
  let changed = false;
  let lost = false;
  for (const event of events) {
    changed = book.apply(event) || changed;
    lanes.apply(event);
    lost = lost || event.kind === "events.dropped";
    if (event.kind === "service.deleted") gone.value = true;
    if (event.kind === "service.updated") refresh();
  }
  if (events.length) tail.push(events);
  if (changed) bookVersion.value += 1;
  if (lost) {
    gaps = true;
    resync();
  }
}

function refresh() {
  get(`/services/${name}`).then(put, () => {});
}

/**
 * Whether an answer is not behind the events: none may reopen what has closed since.
 * @param {Connection} connection
 */
const stillSo = ({ id, state }) => state === "closed" || book.rows.get(id)?.state !== "closed";

let resyncing = false;
let askAgain = false;
/** Whether events were lost, so that closed ones may be missing among those listed. */
let gaps = false;
/** Ask for the open ones anew: where events do not tell all of them. */
async function resync() {
  askAgain = resyncing;
  if (resyncing) return;
  resyncing = true;
  const newest = book.newest;
  try {
    const answer = await get(`/connections${query({ service: name, limit: 500 })}`);
    book.load(answer.items);
    lanes.load(answer.items.filter(stillSo));
    // Those that were not told of are among the older pages: the table asks for them as it is scrolled.
    cursors.value = {
      open: answer.next_cursor ?? null,
      closed: gaps ? "" : cursors.value.closed,
    };
    gaps = false;
    if (!answer.next_cursor) {
      const open = new Set(answer.items.map((/** @type {any} */ one) => one.id));
      book.keepOpen(open, newest);
      lanes.keepOpen(open, newest, serverNow());
    }
    bookVersion.value += 1;
  } catch {
    // The link says so already; the next one will do.
  }
  setTimeout(() => {
    resyncing = false;
    if (askAgain) resync();
  }, RESYNC_MS);
}

/** @param {number} value @returns {[string, string]} */
const asCount = (value) => [number(value), ""];
/** @param {number} value @returns {[string, string]} */
const asRate = (value) => {
  const [text, unit] = sizeParts(value);
  return [text, unit && `${unit}/s`];
};

function ServiceFigures() {
  void now.value;
  const { status } = service.value;
  const rates = status.rates["10s"];
  const recent = (/** @type {string} */ key, /** @type {number|undefined} */ otherwise) => {
    const mean = meter.of(key).mean(3);
    return Number.isNaN(mean) ? (otherwise ?? 0) : mean;
  };
  const { waiting, rejected } = status.connections;
  const queued = (waiting.backlog ?? 0) + waiting.queue;
  const flows = isDatagram(schemeOf(service.value.address));
  return html`<${Figures} label="Figures">
    <${Figure}
        label=${flows ? "Open flows" : "Open connections"}
        value=${status.connections.open}
        of=${queued ? ` +${number(queued)} waiting` : ""}
        series=${meter.of("open")}
        show=${asCount}
        floor=${4}
        title=${`${number(status.connections.total)} in all${rejected ? `, ${number(rejected)} rejected` : ""}`}
      />
    <${Figure}
        label=${flows ? "Flows" : "Connections"}
        value=${recent("connections", rates?.connections)}
        series=${meter.of("connections")}
        show=${(/** @type {number} */ value) => [frequency(value), "/s"]}
        floor=${2}
      />
    <${Figure}
        label="In"
        value=${recent("in", rates?.bytes_in)}
        series=${meter.of("in")}
        show=${asRate}
        tone="in"
        floor=${64}
      />
    <${Figure}
        label="Out"
        value=${recent("out", rates?.bytes_out)}
        series=${meter.of("out")}
        show=${asRate}
        tone="out"
        floor=${64}
      />
    <${Figure}
        label="Handling p99"
        value=${status.handling.p99 ?? Number.NaN}
        series=${meter.of("p99")}
        show=${spanParts}
        floor=${0.0001}
        title=${`half of the requests take ${spanParts(status.handling.p50).join(" ")} or less`}
      />
    <${Figure}
        label="Errors"
        value=${status.errors}
        series=${meter.of("errors")}
        show=${asCount}
        tone="bad"
        alarm=${status.errors > 0}
      />
  </${Figures}>`;
}

const TABS = ["connections", "events", "try", "settings"];
const fromHash = () =>
  TABS.includes(location.hash.slice(1)) ? location.hash.slice(1) : "connections";

/** @param {{as: "auto"|"text"|"hex", setAs: (as: any) => void}} props */
function EventsTab({ as, setAs }) {
  void tail.version.value;
  usePauseKey(tail, keys);
  return html`<div class="tools">
      <${TailTools} tail=${tail} as=${as} setAs=${setAs} /> ${
        tail.connection !== null &&
        html`<span class="tag accent"
          >connection #${tail.connection}<button
            type="button"
            aria-label="Show all connections"
            onClick=${() => tail.only(null)}
          >
            <svg class="icon small" aria-hidden="true"><use href="#i-x" /></svg></button
        ></span>`
      }
    </div>
    <div class="panel-body tail-body">
      <${Tail}
        tail=${tail}
        as=${as}
        onConnection=${(/** @type {number} */ id) => tail.only(id)}
        empty=${html`<${Empty}
            title="Quiet"
            text="Opened, data, closed, errors and what the handler prints appear here, as they happen."
          />`}
      />
    </div>`;
}

function Page() {
  const [tab, setTab] = useState(fromHash);
  const [as, setAs] = useState(/** @type {"auto"|"text"|"hex"} */ ("auto"));
  const current = service.value;
  const turn = (/** @type {string} */ to) => {
    setTab(to);
    history.replaceState(null, "", to === "connections" ? location.pathname : `#${to}`);
  };
  useEffect(() => {
    const words = {
      connections: "Connections",
      events: "Events",
      try: "Try it",
      settings: "Settings",
    };
    const ends = TABS.map((key, at) =>
      keys.bind(
        String(at + 1),
        words[/** @type {keyof typeof words} */ (key)],
        () => turn(key),
        "This service",
      ),
    );
    const onHash = () => setTab(fromHash());
    addEventListener("hashchange", onHash);
    return () => {
      ends.forEach((end) => end());
      removeEventListener("hashchange", onHash);
    };
  }, []);
  if (gone.value) {
    return html`<section class="card"><${Empty}
        title=${`${name} was deleted`}
        text="Somebody deleted this service while you were looking. What was recorded of it stays among the events."
      >
      <${Button} kind="primary" href="/">Overview</${Button}></${Empty}></section>`;
  }
  return html`<${LinkNotice} />
    <${ServiceHead} service=${current} put=${put} />
    <${ServiceFigures} />
    <${Lanes}
      model=${lanes}
      service=${current}
      onPick=${(/** @type {number} */ id) => {
        tail.only(id);
        turn("events");
      }}
    />
    ${current.capture.level === "off" && tab === "events" && html`<${Notice}
        tone="info"
        what="Capture is off: connections are listed, but nothing is recorded."
        why="Settings say how closely the service is watched."
      />`}
    <section class="card clip-card fill-card">
      <${Tabs}
        label=${`All of ${name}`}
        value=${tab}
        onChange=${turn}
        tabs=${[
          {
            key: "connections",
            text: isDatagram(schemeOf(current.address)) ? "Flows" : "Connections",
            count: number(current.status.connections.open),
          },
          { key: "events", text: "Events" },
          { key: "try", text: "Try it" },
          { key: "settings", text: "Settings" },
        ]}
      />
      <div role="tabpanel" id=${`panel-${tab}`} aria-labelledby=${`tab-${tab}`}>
        ${
          tab === "connections" &&
          html`<${ConnectionsTable}
            service=${current}
            book=${book}
            version=${bookVersion}
            cursors=${cursors}
            command=${html`<${Copy}
                text=${tryCommand(current)}
                what="the command"
                shown=${html`<span class="prompt" aria-hidden="true">$ </span>${tryCommand(current)}`}
              />`}
            onEvents=${(/** @type {number} */ id) => {
              tail.only(id);
              turn("events");
            }}
          />`
        }
        ${tab === "events" && html`<${EventsTab} as=${as} setAs=${setAs} />`}
        ${tab === "try" && html`<${TryIt} service=${current} />`}
        ${tab === "settings" && html`<${Settings} service=${current} onSaved=${put} />`}
      </div>
    </section>`;
}

/** The lanes begin with those that were there of late; the page came with some of the open ones. */
async function recall() {
  try {
    const answer = await get(`/connections${query({ service: name, state: "all", limit: LATELY })}`);
    lanes.load(answer.items.filter(stillSo));
  } catch {
    // They begin with what happens from now on.
  }
  lanes.note(past);
  if (boot.connections.next_cursor) await resync();
}
recall();

meter.sample(Number(boot.now ?? serverNow()), countersOf(service.value));
onTick((at) => {
  meter.sample(at, countersOf(service.value));
  const level = service.value.capture.level;
  const blind = level === "off" || level === "counters";
  if (blind && !document.hidden && service.value.status.connections.open > 0) resync();
});
addEventListener("pagehide", () => meters.save());

open(html`<${Page} />`).then((link) =>
  link.subscribe("service", { name }, Number(boot.seq ?? 0), {
    onSnapshot: (snapshot) => takeStatus(snapshot),
    onFrame: (/** @type {Frame} */ frame) => {
      takeStatus(frame.status);
      take(frame.events);
    },
    onRefused: () => refresh(),
  }),
);

/** @param {any} status */
function takeStatus(status) {
  if (status?.state) service.value = { ...service.value, status };
}
