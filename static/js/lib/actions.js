// @ts-check
/**
 * What a reader may do to services: asked where it hits somebody, told when done, undone where it
 * can be.
 */

import { html } from "htm/preact";
import { signal } from "@preact/signals";
import { call, get, post, query } from "../api.js";
import { confirm } from "../components/dialog.js";
import { Lamp } from "../components/kit.js";
import { toast, toastError } from "../components/toast.js";
import { carried } from "./memory.js";
import { duration, list, number, plural } from "./format.js";
import { canRestart, canStart, canStop, isDatagram, shownAddress } from "./states.js";

/** @import { Connection, Service } from "../types.js" */

/** @typedef {"start"|"stop"|"restart"} Verb */

/** What is under way: "stop echo". @type {import("@preact/signals").Signal<Set<string>>} */
export const busy = signal(new Set());

/** @param {string} name @param {string} [verb] whether anything, or this, is under way */
export const isBusy = (name, verb) =>
  verb
    ? busy.value.has(`${verb} ${name}`)
    : [...busy.value].some((task) => task.endsWith(` ${name}`));

/** @template T @param {string} task @param {() => Promise<T>} work @returns {Promise<T>} */
async function during(task, work) {
  busy.value = new Set([...busy.value, task]);
  try {
    return await work();
  } finally {
    busy.value = new Set([...busy.value].filter((other) => other !== task));
  }
}

/** @typedef {import("../types.js").State} State */

/** @type {Record<Verb, {past: string, may: (state: State) => boolean, title: string}>} */
const VERBS = {
  start: { past: "Started", may: canStart, title: "Start" },
  stop: { past: "Stopped", may: canStop, title: "Stop" },
  restart: { past: "Restarted", may: canRestart, title: "Restart" },
};

/** @param {Service} service */
const openOf = (service) => service.status.connections.open;

/** @param {Service} service */
function consequence(service) {
  const wait = service.drain_timeout;
  return wait > 0 ? `drained for up to ${duration(wait)}, then closed` : "closed at once";
}

/**
 * Those with open connections, as they stand at this moment: a page may be a blink behind, and nobody
 * should be asked about a connection that has just closed.
 * @param {Service[]} services
 * @returns {Promise<Service[]>}
 */
async function stillConnected(services) {
  const seen = services.filter((service) => openOf(service) > 0);
  const now = await Promise.all(
    seen.map((service) => get(`/services/${service.name}`).catch(() => service)),
  );
  return now.filter((service) => openOf(service) > 0);
}

/**
 * Start, stop or restart services, having asked where connections are open.
 * @param {Verb} verb
 * @param {Service[]} services
 * @param {(service: Service) => void} onDone with each as it then stands
 */
export async function control(verb, services, onDone) {
  const { may, past, title } = VERBS[verb];
  const hit = services.filter((service) => may(service.status.state));
  if (hit.length === 0) return;
  const connected = verb === "start" ? [] : await stillConnected(hit);
  if (connected.length > 0 && !(await confirm(questionOf(title, hit, connected)))) return;
  const results = await Promise.allSettled(
    hit.map((service) =>
      during(`${verb} ${service.name}`, async () => {
        const now = /** @type {Service} */ (await post(`/services/${service.name}/${verb}`));
        onDone(now);
        return now;
      }),
    ),
  );
  /** @type {Service[]} */
  const done = [];
  results.forEach((result, at) => {
    if (result.status === "fulfilled") done.push(result.value);
    else toastError(result.reason, `${title} ${hit[at]?.name} failed`);
  });
  for (const result of results) {
    if (result.status !== "rejected") continue;
    // The state it failed in is news as well.
    const name = hit[results.indexOf(result)]?.name ?? "";
    get(`/services/${name}`).then(onDone, () => {});
  }
  if (done.length === 0) return;
  const names =
    done.length > 3 ? plural(done.length, "service") : list(done.map((service) => service.name));
  const first = /** @type {Service} */ (done[0]);
  if (verb === "stop") {
    toast({
      text: `${past} ${names}`,
      act: { text: "Start again", run: () => control("start", done, onDone) },
    });
  } else {
    toast({
      text: `${past} ${names}`,
      ...(done.length === 1 ? { detail: `It listens at ${shownAddress(first)}` } : {}),
    });
  }
}

/** @param {string} title @param {Service[]} hit @param {Service[]} connected */
function questionOf(title, hit, connected) {
  const only = /** @type {Service} */ (connected[0]);
  const total = connected.reduce((sum, service) => sum + openOf(service), 0);
  if (hit.length === 1) {
    return {
      title: `${title} ${only.name}?`,
      body: `It has ${plural(openOf(only), "open connection")}, ${consequence(only)}.`,
      act: `${title} ${only.name}`,
      danger: title === "Stop",
    };
  }
  return {
    title: `${title} ${hit.length} services?`,
    body: `They have ${plural(total, "open connection")} between them.`,
    hits: hit
      .map((service) => connected.find((one) => one.name === service.name) ?? service)
      .map(
        (service) =>
          html`<${Lamp} state=${service.status.state} /><span class="strong">${service.name}</span>
            <span class="dim push"
              >${connected.includes(service) ? `${number(openOf(service))} open, ${consequence(service)}` : "nobody connected"}</span
            >`,
      ),
    act: `${title} ${hit.length} services`,
    danger: title === "Stop",
  };
}

/**
 * Delete a service, having said what goes with it; leads to the overview, where it can be undone.
 * @param {Service} service
 */
export async function deleteService(service) {
  const open = openOf(service);
  const agreed = await confirm({
    title: `Delete ${service.name}?`,
    body: open
      ? `It is stopped first: ${plural(open, "open connection")}, ${consequence(service)}. Its definition goes; what was recorded of it stays in the events.`
      : `${service.status.state === "running" ? "It is stopped first; nobody is connected. " : ""}Its definition goes; what was recorded of it stays in the events.`,
    act: `Delete ${service.name}`,
  });
  if (!agreed) return;
  try {
    await during(`delete ${service.name}`, () => call("DELETE", `/services/${service.name}`));
  } catch (error) {
    toastError(error, `Deleting ${service.name} failed`);
    return;
  }
  const { status, ...definition } = service;
  carried.set("deleted", { definition, ran: status.state === "running" });
  location.assign("/");
}

/** On the overview, after a deletion: the way back. @param {(service: Service) => void} onDone */
export function offerUndelete(onDone) {
  const deleted = carried.take("deleted");
  if (!deleted) return;
  const { definition, ran } = deleted;
  toast({
    text: `Deleted ${definition.name}`,
    act: {
      text: "Undo",
      run: () =>
        post(`/services${query({ start: ran ? "true" : null })}`, definition).then(
          (/** @type {Service} */ service) => {
            onDone(service);
            toast({ text: `${definition.name} is back` });
          },
          (error) => toastError(error, `Bringing ${definition.name} back failed`),
        ),
    },
  });
}

/**
 * Serve exactly one request on a stopped service.
 * @param {Service} service
 * @param {(service: Service) => void} onDone
 */
export async function handleOne(service, onDone) {
  toast({
    tone: "info",
    text: `${service.name} waits for one request`,
    detail: service.address.endsWith(":0")
      ? "for 5 s, at the port that it is given now"
      : `at ${shownAddress(service)}, for 5 s`,
  });
  try {
    await during(`handle ${service.name}`, () =>
      post(`/services/${service.name}/handle-request`, { timeout: 5 }),
    );
    toast({ text: `${service.name} handled one request` });
  } catch (error) {
    toastError(error, `${service.name} handled no request`);
  }
  get(`/services/${service.name}`).then(onDone, () => {});
}

/** Close one connection, having asked how. @param {Connection} connection */
export async function closeConnection(connection) {
  const { ask } = await import("../components/dialog.js");
  const flow = isDatagram(connection.transport);
  const acts = [
    { text: flow ? "Forget the flow" : "Close (FIN)", value: "close", kind: "danger primary" },
  ];
  if (connection.transport === "tcp")
    acts.unshift({ text: "Reset (RST)", value: "reset", kind: "danger" });
  const how = await ask({
    title: `Close connection #${connection.id}?`,
    body: `From ${connection.peer ?? "an unnamed peer"}, to ${connection.service}. ${flow ? "What it still sends begins a new flow." : "Its handler sees the end of the stream."}`,
    acts,
  });
  if (!how) return;
  try {
    await call("DELETE", `/connections/${connection.id}${query({ how })}`);
    toast({ text: `${how === "reset" ? "Reset" : "Closed"} #${connection.id}` });
  } catch (error) {
    toastError(error, `Closing #${connection.id} failed`);
  }
}
