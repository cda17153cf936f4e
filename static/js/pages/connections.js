// @ts-check
/** The connections of all services, as one table. */

import { html } from "htm/preact";
import { signal } from "@preact/signals";
import { get } from "../api.js";
import { ConnectionsTable } from "../components/connections-table.js";
import { Button, Empty } from "../components/kit.js";
import { LinkNotice } from "../components/link-notice.js";
import { boot } from "../lib/boot.js";
import { findRunning } from "../lib/closings.js";
import { onTick } from "../lib/clock.js";
import { Connections } from "../lib/connections.js";
import { open } from "../lib/shell.js";

/** @import { DeckEvent, Frame, Service } from "../types.js" */

/** What tells of connections, and of services to choose from; tidy as frames name it. */
const FILTER = "kind:connection.* or kind:created or kind:deleted";

const connections = new Connections(null, boot.connections);
const services = signal(/** @type {string[]} */ (boot.services));

/** @param {DeckEvent[]} events */
function take(events) {
  connections.take(events);
  if (events.some((event) => event.kind.startsWith("service."))) refreshServices();
}

function refreshServices() {
  get("/services?limit=500").then(
    (answer) => {
      services.value = answer.items.map((/** @type {Service} */ one) => one.name);
    },
    () => {},
  );
}

const Page = () =>
  html`<${LinkNotice} />
    <h1 class="sr">Connections</h1>
    <section class="card clip-card fill-card" aria-label="Connections">
      <${ConnectionsTable}
        connections=${connections}
        services=${services.value}
        empty=${html`<${Empty}
          title="Nobody is connected"
          text="Connections appear here the moment they are accepted."
        >
          <${Button} href="/">See the services</${Button}>
        </${Empty}>`}
      />
    </section>`;

onTick(() => connections.tick());
document.addEventListener("visibilitychange", () => document.hidden || connections.list.refresh());
findRunning();
get("/events?kind=connection.data&limit=200").then(
  (answer) => connections.note([...answer.items].reverse()),
  () => {},
);

open(html`<${Page} />`).then((link) =>
  link.subscribe("events", { filter: FILTER }, Number(boot.seq ?? 0), {
    onFrame: (/** @type {Frame} */ frame) => take(frame.events),
    // Every second it is asked for anyway.
    onRefused: () => connections.list.refresh(),
  }),
);
