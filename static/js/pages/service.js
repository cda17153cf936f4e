// @ts-check
/**
 * One service: its head, its figures, its lanes, and tabs for all that can be seen and set of it.
 */

import { html } from "htm/preact";
import { useEffect, useState } from "preact/hooks";
import { signal } from "@preact/signals";
import { get, query } from "../api.js";
import { Charts } from "../components/charts.js";
import { ConnectionsTable } from "../components/connections-table.js";
import { Copy } from "../components/copy.js";
import { Exceptions, exceptionCount, startOf } from "../components/exceptions.js";
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
import { hear, now, onTick, serverNow } from "../lib/clock.js";
import { tryCommand } from "../lib/commands.js";
import { findRunning } from "../lib/closings.js";
import { Connections } from "../lib/connections.js";
import { pastOf } from "../lib/lane-source.js";
import { ExceptionList } from "../lib/exceptions.js";
import { frequency, number, sizeParts, spanParts } from "../lib/format.js";
import { keys } from "../lib/keys.js";
import { Past } from "../lib/lane-past.js";
import { LaneListing } from "../lib/lane-listing.js";
import { LaneModel } from "../lib/lanes.js";
import { DeckMeters, countersOf } from "../lib/meters.js";
import { open } from "../lib/shell.js";
import { isDatagram, schemeOf } from "../lib/states.js";
import { Tail as TailModel } from "../lib/tail.js";

/** @import { Connection, DeckEvent, Frame, Service } from "../types.js" */

/** @type {import("@preact/signals").Signal<Service>} */
const service = signal(boot.service);
const name = service.value.name;
const gone = signal(false);
const connections = new Connections(name, boot.connections);
const tail = new TailModel();
const lanes = new LaneModel();
const lanesPast = new Past(lanes, pastOf(name));
const meters = DeckMeters.carriedOn();
const meter = meters.of(name);
const exceptions = new ExceptionList({
  ask: (what) => get(`/exceptions${query(what)}`),
  service: name,
  watched: false,
  total: Number(boot.exceptions ?? 0),
});
const listing = new LaneListing(lanes, (asked) =>
  get(`/connections${query({ service: name, ...asked })}`),
);

const past = /** @type {DeckEvent[]} */ ([...boot.events.items].reverse());
tail.seed(past);
lanes.load(boot.connections.items);
lanes.observe(boot.service.status, serverNow());
connections.note(past);

/** @param {Service} next */
const put = (next) => {
  service.value = next;
};

/** @param {DeckEvent[]} events */
function take(events) {
  let lost = false;
  const newest = events.at(-1);
  if (newest) hear(Date.parse(newest.time) / 1000);
  for (const event of events) {
    listing.apply(event);
    // What capture left out are messages alone, and its figures come with the list while it does.
    lost = lost || (event.kind === "events.dropped" && event.data["source"] !== "capture");
    if (event.kind === "connection.error") exceptions.noticed();
    if (event.kind === "service.deleted") gone.value = true;
    if (event.kind === "service.updated") refresh();
  }
  if (events.length) tail.push(events);
  connections.take(events);
  if (lost) void listing.resync();
}

function refresh() {
  get(`/services/${name}`).then(put, () => {});
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
        href="#exceptions"
        series=${meter.of("errors")}
        show=${asCount}
        tone="bad"
        alarm=${status.errors > 0}
      />
  </${Figures}>`;
}

const TABS = ["connections", "events", "exceptions", "try", "settings"];
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
      <a class="link push" href=${`/events?filter=service:${name}`}>All of this in Events</a>
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

/**
 * Where nobody is connected: why, and how to.
 * @param {{service: Service}} props
 */
function Nobody({ service: { status, address, ...definition } }) {
  const title = "Nobody is connected";
  if (status.state !== "running")
    return html`<${Empty} title=${title} text="The service is not running." />`;
  const when = isDatagram(schemeOf(address))
    ? "Flows appear here the moment a first datagram arrives."
    : "Connections appear here the moment they are accepted.";
  const command = tryCommand({ status, address, ...definition });
  return html`<${Empty} title=${title} text=${`${when} To make one:`}>
    <${Copy}
      text=${command}
      what="the command"
      shown=${html`<span class="prompt" aria-hidden="true">$ </span>${command}`}
    />
  </${Empty}>`;
}

function Page() {
  const [tab, setTab] = useState(fromHash);
  const [as, setAs] = useState(/** @type {"auto"|"text"|"hex"} */ ("auto"));
  const current = service.value;
  const turn = (/** @type {string} */ to) => {
    setTab(to);
    history.replaceState(null, "", to === "connections" ? location.pathname + location.search : `#${to}`);
  };
  useEffect(() => {
    const words = {
      connections: "Connections",
      events: "Events",
      exceptions: "Exceptions",
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
    <${Charts} service=${current} />
    <${Lanes} model=${lanes} past=${lanesPast} service=${current} />
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
          { key: "exceptions", text: "Exceptions", count: exceptionCount(exceptions, current) },
          { key: "try", text: "Try it" },
          { key: "settings", text: "Settings" },
        ]}
      />
      <div role="tabpanel" id=${`panel-${tab}`} aria-labelledby=${`tab-${tab}`}>
        ${
          tab === "connections" &&
          html`<${ConnectionsTable}
            connections=${connections}
            open=${current.status.connections.open}
            flows=${isDatagram(schemeOf(current.address))}
            tcp=${schemeOf(current.address) === "tcp"}
            empty=${html`<${Nobody} service=${current} />`}
            onEvents=${(/** @type {number} */ id) => {
              tail.only(id);
              turn("events");
            }}
          />`
        }
        ${tab === "events" && html`<${EventsTab} as=${as} setAs=${setAs} />`}
        ${tab === "exceptions" && html`<${Exceptions} list=${exceptions} since=${startOf(current)} />`}
        ${tab === "try" && html`<${TryIt} service=${current} />`}
        ${tab === "settings" && html`<${Settings} service=${current} onSaved=${put} />`}
      </div>
    </section>`;
}

listing.recall(past).then(() => boot.connections.next_cursor && listing.resync());
findRunning();
exceptions.noticed();

meter.sample(Number(boot.now ?? serverNow()), countersOf(service.value));
onTick((at) => {
  meter.sample(at, countersOf(service.value));
  const level = service.value.status.capture.effective;
  const blind = level === "off" || level === "counters";
  if (blind && !document.hidden && service.value.status.connections.open > 0) void listing.resync();
  connections.tick();
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
  if (!status?.state) return;
  service.value = { ...service.value, status };
  lanes.observe(status, serverNow());
}
