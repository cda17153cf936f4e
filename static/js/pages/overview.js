// @ts-check
/** The overview: figures of all, the services as a table, and the tail of everything. */

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import { effect } from "@preact/signals";
import { get } from "../api.js";
import { Drawer } from "../components/drawer.js";
import { LinkNotice } from "../components/link-notice.js";
import { ServicesTable } from "../components/services-table.js";
import { Figure, Figures } from "../components/spark.js";
import { Welcome } from "../components/welcome.js";
import { offerUndelete } from "../lib/actions.js";
import { boot } from "../lib/boot.js";
import { now, onTick, serverNow } from "../lib/clock.js";
import { Deck } from "../lib/deck.js";
import { frequency, number, sizeParts } from "../lib/format.js";
import { preference } from "../lib/memory.js";
import { DeckMeters } from "../lib/meters.js";
import { mount, open } from "../lib/shell.js";
import { Tail } from "../lib/tail.js";

/** @import { Frame, Service } from "../types.js" */

const deck = new Deck(boot.services);
const meters = DeckMeters.carriedOn();
const tail = new Tail();
let seq = Number(boot.seq ?? 0);
/** Numbers that were given to what capture left out: those were no events of any second. */
let unrecorded = 0;

const STARTERS = 3;
const isNew =
  preference.get("welcome", "new") !== "dismissed" &&
  deck.names.value.length > 0 &&
  deck.names.value.length <= STARTERS * 2 &&
  (preference.get("welcome", "new") === "open" ||
    deck.all().every((service) => service.status.connections.total === 0));
if (isNew) preference.set("welcome", "open");

/** What the first steps show: the classic first server first. */
const starters = () =>
  deck
    .all()
    .sort((a, b) => Number(b.handler === "greeting") - Number(a.handler === "greeting"))
    .slice(0, STARTERS);

/** @param {Service} service */
const put = (service) => deck.put(service);

/** @param {number} value @returns {[string, string]} */
const asCount = (value) => [number(value), ""];
/** @param {number} value @returns {[string, string]} */
const asFrequency = (value) => [frequency(value), "/s"];
/** @param {number} value @returns {[string, string]} */
const asRate = (value) => {
  const [text, unit] = sizeParts(value);
  return [text, unit && `${unit}/s`];
};

/**
 * What the server reckoned, until a first sample is there.
 * @param {"connections"|"bytes_in"|"bytes_out"} key
 */
const reckoned = (key) =>
  deck.all().reduce((sum, service) => sum + (service.status.rates["10s"]?.[key] ?? 0), 0);

function OverviewFigures() {
  void deck.version.value;
  void now.value;
  const services = deck.all();
  const total = meters.total;
  const running = services.filter(
    (one) => one.status.state === "running" || one.status.state === "suspended",
  ).length;
  const failed = services.filter(
    (one) => one.status.state === "failed" || one.status.state === "backoff",
  ).length;
  const recent = (/** @type {string} */ name, /** @type {number} */ otherwise) => {
    const mean = total.of(name).mean(3);
    return Number.isNaN(mean) ? otherwise : mean;
  };
  return html`<${Figures} label="Figures">
    <${Figure}
        label="Running"
        value=${running}
        of=${` / ${services.length}`}
        series=${total.of("running")}
        show=${asCount}
        floor=${services.length}
      />
    <${Figure}
        label="Failed"
        value=${failed}
        series=${total.of("failed")}
        show=${asCount}
        tone="bad"
        alarm=${failed > 0}
      />
    <${Figure}
        label="Open connections"
        value=${services.reduce((sum, one) => sum + one.status.connections.open, 0)}
        series=${total.of("open")}
        show=${asCount}
        floor=${4}
      />
    <${Figure}
        label="Connections"
        value=${recent("connections", reckoned("connections"))}
        series=${total.of("connections")}
        show=${asFrequency}
        floor=${2}
      />
    <${Figure}
        label="In"
        value=${recent("in", reckoned("bytes_in"))}
        series=${total.of("in")}
        show=${asRate}
        tone="in"
        floor=${64}
      />
    <${Figure}
        label="Out"
        value=${recent("out", reckoned("bytes_out"))}
        series=${total.of("out")}
        show=${asRate}
        tone="out"
        floor=${64}
      />
    <${Figure}
        label="Events"
        value=${recent("events", 0)}
        series=${total.of("events")}
        show=${asFrequency}
        floor=${4}
      />
  </${Figures}>`;
}

function Overview() {
  const [welcome, setWelcome] = useState(isNew);
  void deck.version.value;
  return html`
    <h1 class="sr">Overview</h1>
    <${LinkNotice} />
    <${OverviewFigures} />
    ${
      welcome &&
      html`<${Welcome}
        services=${starters()}
        put=${put}
        onDismiss=${() => {
          preference.set("welcome", "dismissed");
          setWelcome(false);
        }}
      />`
    }
    <${ServicesTable} deck=${deck} meters=${meters} />
  `;
}

/** @param {Service[]|null|undefined} services every one there is */
function takeAll(services) {
  if (Array.isArray(services)) deck.replace(services);
}

onTick((at) => meters.sample(at, deck.all(), seq - unrecorded));
addEventListener("pagehide", () => meters.save());
// The figures in the page are as of the moment at which the server drew it.
meters.sample(Number(boot.now ?? serverNow()), deck.all(), seq);

// The tab says it too when something has failed.
const title = document.title;
effect(() => {
  void deck.version.value;
  const failed = deck
    .all()
    .filter((one) => one.status.state === "failed" || one.status.state === "backoff").length;
  document.title = failed ? `(${failed} failed) ${title}` : title;
});

const live = open(html`<${Overview} />`);
mount(
  "drawer",
  html`<${Drawer}
    tail=${tail}
    openAtFirst=${!isNew && boot.services.length > 0 && innerWidth > 720 && innerHeight > 640}
  />`,
);
offerUndelete(put);

get("/events?limit=200").then(
  (answer) => tail.seed(answer.items),
  () => {},
);
live.then((link) =>
  link.subscribe("overview", {}, seq, {
    onSnapshot: (snapshot, at) => {
      takeAll(snapshot);
      seq = Math.max(seq, at ?? 0);
    },
    onFrame: (/** @type {Frame} */ frame) => {
      takeAll(frame.status);
      seq = Math.max(seq, frame.seq_to ?? 0);
      for (const { kind, data } of frame.events)
        if (kind === "events.dropped" && data["source"] === "capture") unrecorded += data["count"];
      tail.push(frame.events);
    },
  }),
);
