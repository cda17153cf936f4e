// @ts-check
/** Closing many connections: asked before, followed while it goes on, told when it is done. */

import { html } from "htm/preact";
import { signal } from "@preact/signals";
import { call, get, post, query } from "../api.js";
import { confirm } from "../components/dialog.js";
import { toast, toastError } from "../components/toast.js";
import { duration, number, plural } from "./format.js";

/** @import { Connections } from "./connections.js" */

const LOOK_MS = 500;

/**
 * @typedef {object} Closing
 * @property {number} id
 * @property {"running"|"ended"|"stopped"} state
 * @property {"close"|"reset"} how
 * @property {number} pace  a second
 * @property {number} count
 * @property {number} done
 * @property {number} missed  closed already when it was their turn
 */

/** Those that go on. @type {import("@preact/signals").Signal<Closing[]>} */
export const running = signal([]);

/** Go on following those that a page finds under way. */
export async function findRunning() {
  try {
    const { items } = await get("/connections/closings");
    for (const closing of items) if (closing.state === "running") follow(closing);
  } catch {
    // The link says so where the panel does not answer.
  }
}

/**
 * Close what is selected, having said what that hits.
 * @param {Connections} connections
 * @param {"close"|"reset"} how
 * @param {number|null} pace a second; null: at once
 */
export async function closeSelected(connections, how, pace) {
  const { selection, list } = connections;
  const view = connections.view.value;
  const { all } = selection;
  const count = all ? (list.total ?? 0) : selection.some.size;
  const verb = how === "reset" ? "Reset" : "Close";
  const agreed = await confirm({
    title: `${verb} ${plural(count, "connection")}?`,
    body: [
      html`<p>${all ? allOf(view) : "Those that you have selected."} ${meaning(how, all || !selection.hasNoFlow)}</p>`,
      html`<p>
        ${pace === null ? "All at once." : `${number(pace)} a second, which takes about ${duration(Math.max(1, count / pace))}; it can be stopped.`}
      </p>`,
    ],
    ...(all ? {} : { hits: hitsOf(selection.services()) }),
    act: `${verb} ${number(count)}`,
  });
  if (!agreed) return;
  const asked = { service: view.service, peer: view.peer, q: view.q };
  const ids = all ? null : [...selection.some.keys()];
  try {
    const answer = await post(`/connections/close${query(all ? asked : {})}`, {
      how,
      ...(pace === null ? {} : { pace }),
      ...(ids ? { ids } : {}),
    });
    selection.clear();
    connections.touch();
    connections.list.refresh();
    if (answer.closing !== null)
      follow(await get(`/connections/closings/${answer.closing}`), connections);
    else
      toast({
        text: `${how === "reset" ? "Reset" : "Closed"} ${plural(answer.count, "connection")}`,
        ...(answer.count < count && !all
          ? { detail: `${number(count - answer.count)} had closed already` }
          : {}),
      });
  } catch (error) {
    toastError(error, `${how === "reset" ? "Resetting" : "Closing"} ${plural(count, "connection")} failed`);
  }
}

/** Have one stop. @param {Closing} closing */
export async function stopClosing(closing) {
  try {
    put((await call("DELETE", `/connections/closings/${closing.id}`)).body);
  } catch (error) {
    toastError(error, "Stopping it failed");
  }
}

/** @param {Closing} closing @param {Connections} [connections] */
function follow(closing, connections) {
  put(closing);
  if (closing.state !== "running") return told(closing, connections);
  setTimeout(async () => {
    try {
      follow(await get(`/connections/closings/${closing.id}`), connections);
    } catch (error) {
      // A panel that was started anew knows nothing of it; one that does not answer may again.
      if (/** @type {any} */ (error)?.status === 404) drop(closing);
      else follow(closing, connections);
    }
  }, LOOK_MS);
  return undefined;
}

/** @param {Closing} closing @param {Connections} [connections] */
function told(closing, connections) {
  drop(closing);
  connections?.list.refresh();
  const past = closing.how === "reset" ? "Reset" : "Closed";
  const left = closing.count - closing.done - closing.missed;
  const details = [
    closing.missed > 0 && `${number(closing.missed)} had closed already`,
    left > 0 && `stopped with ${number(left)} to go`,
  ].filter(Boolean);
  toast({
    tone: left > 0 ? "info" : "good",
    text: `${past} ${plural(closing.done, "connection")}`,
    ...(details.length ? { detail: details.join(", ") } : {}),
  });
}

/** @param {Closing} closing */
function put(closing) {
  const others = running.value.filter((one) => one.id !== closing.id);
  running.value = closing.state === "running" ? [...others, closing] : others;
}

/** @param {Closing} closing */
const drop = (closing) => {
  running.value = running.value.filter((one) => one.id !== closing.id);
};

/** @param {"close"|"reset"} how @param {boolean} flows whether there may be some among them */
const meaning = (how, flows) =>
  how === "reset"
    ? "Their peers see a reset (RST); what is on its way is lost."
    : `Their handlers see the end of the stream${flows ? "; a flow is forgotten" : ""}.`;

/** @param {import("./connection-view.js").View} view */
function allOf({ service, peer, q }) {
  const which = [
    service ? ` of ${service}` : " of all services",
    peer && ` from ${peer}`,
    q && ` that “${q}” is in`,
  ];
  return `All open connections${which.filter(Boolean).join(",")}, those that come until then as well.`;
}

const HITS_SHOWN = 8;

/** @param {[string, number][]} services */
function hitsOf(services) {
  const shown = services.slice(0, HITS_SHOWN);
  const rest = services.slice(HITS_SHOWN);
  const hits = shown.map(
    ([name, count]) =>
      html`<span class="strong">${name}</span><span class="dim push">${plural(count, "connection")}</span>`,
  );
  if (rest.length > 0)
    hits.push(
      html`<span class="dim">${plural(rest.length, "other service")}</span
        ><span class="dim push"
          >${plural(rest.reduce((sum, [, count]) => sum + count, 0), "connection")}</span
        >`,
    );
  return hits;
}
