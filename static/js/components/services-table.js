// @ts-check
/** The services as a table: a row each, live, ordered, filtered, picked for acts on several. */

import { html } from "htm/preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Button, Empty, Icon, Segment, StateWord } from "./kit.js";
import { copyText } from "./copy.js";
import { Both } from "./spark.js";
import { toast } from "./toast.js";
import { moveInRows, useWindow } from "./window.js";
import { searched } from "./tools.js";
import { control, isBusy } from "../lib/actions.js";
import { age, now } from "../lib/clock.js";
import { tryCommand } from "../lib/commands.js";
import { duration, number, rate } from "../lib/format.js";
import { canRestart, canStart, canStop, concurrencyWord, isUp, shownAddress, urgency } from "../lib/states.js";

/** @import { Service, State } from "../types.js" */
/** @import { Deck } from "../lib/deck.js" */
/** @import { DeckMeters } from "../lib/meters.js" */

const ROW = 37;
const WINDOWED_ABOVE = 80;

/** @typedef {"state"|"name"|"address"|"open"|"flow"|"errors"|"up"} Key */
/** @typedef {"all"|"up"|"stopped"|"failed"} Filter */

/** @type {Record<Filter, (state: State) => boolean>} */
const FILTERS = {
  all: () => true,
  up: (state) => state !== "stopped" && state !== "failed" && state !== "backoff",
  stopped: (state) => state === "stopped",
  failed: (state) => state === "failed" || state === "backoff",
};

/** @param {Service} service */
const upSince = (service) => (isUp(service.status.state) ? Date.parse(service.status.since) : Number.POSITIVE_INFINITY);

/** @param {DeckMeters} meters @returns {Record<Key, (a: Service, b: Service) => number>} */
const orders = (meters) => {
  const flow = (/** @type {Service} */ service) => {
    const meter = meters.of(service.name);
    return (meter.of("in").mean(10) || 0) + (meter.of("out").mean(10) || 0);
  };
  return {
    state: (a, b) => urgency(a.status.state) - urgency(b.status.state),
    name: (a, b) => (a.name < b.name ? -1 : 1),
    address: (a, b) => (shownAddress(a) < shownAddress(b) ? -1 : 1),
    open: (a, b) => a.status.connections.open - b.status.connections.open,
    flow: (a, b) => flow(a) - flow(b),
    errors: (a, b) => a.status.errors - b.status.errors,
    up: (a, b) => upSince(b) - upSince(a),
  };
};

/** @param {{deck: Deck, meters: DeckMeters}} props */
export function ServicesTable({ deck, meters }) {
  void deck.version.value;
  void now.value;
  const [filter, setFilter] = useState(/** @type {Filter} */ ("all"));
  const [sort, setSort] = useState({ key: /** @type {Key} */ ("name"), down: false });
  const [picked, setPicked] = useState(/** @type {Set<string>} */ (new Set()));
  const [over, setOver] = useState(false);
  const held = useRef(/** @type {string[]} */ ([]));
  const lastPicked = useRef(/** @type {string|null} */ (null));

  const services = deck.all();
  const text = searched.value.trim().toLowerCase();
  const shown = services.filter(
    (service) =>
      FILTERS[filter](service.status.state) &&
      (!text || `${service.name} ${shownAddress(service)} ${service.handler ?? ""} ${service.description} ${Object.entries(service.labels).flat().join(" ")}`.toLowerCase().includes(text)),
  );
  const by = orders(meters)[sort.key];
  shown.sort((a, b) => (sort.down ? -1 : 1) * by(a, b) || (a.name < b.name ? -1 : 1));
  // Under the pointer, or with rows picked, nothing moves: known rows keep their places.
  const holds = (over || picked.size > 0) && sort.key !== "name" && sort.key !== "address";
  if (holds) {
    const place = new Map(held.current.map((name, at) => [name, at]));
    shown.sort((a, b) => (place.get(a.name) ?? 1e9) - (place.get(b.name) ?? 1e9));
  } else held.current = shown.map((service) => service.name);

  useEffect(() => {
    const gone = [...picked].filter((name) => !deck.get(name));
    if (gone.length) setPicked(new Set([...picked].filter((name) => deck.get(name))));
  });

  const put = (/** @type {Service} */ service) => deck.put(service);
  const pick = (/** @type {string} */ name, /** @type {boolean} */ range) => {
    const next = new Set(picked);
    const on = !next.has(name);
    const from = range && lastPicked.current ? shown.findIndex((one) => one.name === lastPicked.current) : -1;
    const to = shown.findIndex((one) => one.name === name);
    const names = from < 0 ? [name] : shown.slice(Math.min(from, to), Math.max(from, to) + 1).map((one) => one.name);
    for (const one of names) {
      if (on) next.add(one);
      else next.delete(one);
    }
    lastPicked.current = name;
    setPicked(next);
  };
  const chosen = services.filter((service) => picked.has(service.name));
  const count = (/** @type {Filter} */ key) => services.filter((service) => FILTERS[key](service.status.state)).length;

  const windowed = shown.length > WINDOWED_ABOVE;
  const view = useWindow(shown.length, ROW);
  const rows = windowed ? shown.slice(view.start, view.end) : shown;

  return html`<section class="card" aria-label="Services">
    <div class="card-head">
      ${picked.size > 0
        ? html`<h2>${picked.size} picked</h2>
            <${Button} small icon="play" disabled=${!chosen.some((one) => canStart(one.status.state))} onClick=${() => control("start", chosen, put)}>Start</${Button}>
            <${Button} small icon="stop" kind="danger" disabled=${!chosen.some((one) => canStop(one.status.state))} onClick=${() => control("stop", chosen, put)}>Stop</${Button}>
            <${Button} small icon="restart" disabled=${!chosen.some((one) => canRestart(one.status.state))} onClick=${() => control("restart", chosen, put)}>Restart</${Button}>
            <${Button} small kind="quiet" onClick=${() => setPicked(new Set())}>Clear</${Button}>`
        : html`<h2>Services<span class="count">${services.length}</span></h2>
            ${services.length > 0 &&
            html`<${Segment} label="Show" value=${filter} onChange=${setFilter}
              options=${[
                { value: "all", text: "All" },
                { value: "up", text: "Running", count: count("up") },
                { value: "stopped", text: "Stopped", count: count("stopped") },
                { value: "failed", text: "Failed", count: count("failed") },
              ]} />`}
            ${holds && html`<span class="paused-note">order held</span>`}`}
      <${Button} small icon="plus" href="/services/new" class="push only-wide">New service</${Button}>
    </div>
    ${services.length === 0
      ? html`<${Empty} title="No services yet" text="A service is one socketserver server: a handler, an address, and how requests are served.">
          <${Button} kind="primary" icon="plus" href="/services/new">New service</${Button}><${Button} href="/handlers">See the handlers</${Button}>
        </${Empty}>`
      : shown.length === 0
        ? html`<${Empty} title="Nothing matches" text=${text ? `No service has “${searched.value}” in its name, address, handler or labels${filter === "all" ? "" : " and is in this state"}.` : "No service is in this state."}>
            <${Button} onClick=${() => { setFilter("all"); searched.value = ""; }}>Show all</${Button}>
          </${Empty}>`
        : html`<div class=${windowed ? "table-wrap tall" : "table-wrap"} ref=${view.ref} onScroll=${view.onScroll}
              onPointerEnter=${() => setOver(true)} onPointerLeave=${() => setOver(false)}>
            <table class="table services" aria-rowcount=${shown.length}>
              <${Head} sort=${sort} setSort=${setSort} all=${picked.size > 0 && picked.size === shown.length}
                some=${picked.size > 0} onAll=${() => setPicked(picked.size === shown.length ? new Set() : new Set(shown.map((one) => one.name)))} />
              <tbody onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
                const row = /** @type {HTMLElement} */ (event.target);
                const name = row.dataset?.["row"];
                if (event.key === " " && name) {
                  event.preventDefault();
                  event.stopPropagation();
                  pick(name, event.shiftKey);
                } else if (event.key === "Escape") setPicked(new Set());
                else moveInRows(event, { onEnter: (one) => location.assign(`/services/${one.dataset["row"]}`) });
              }}>
                ${windowed && view.before > 0 && html`<tr class="spacer"><td colspan="11" style=${{ height: `${view.before}px` }}></td></tr>`}
                ${rows.map((service) => html`<${Row} key=${service.name} service=${service} meters=${meters} picked=${picked.has(service.name)} onPick=${pick} put=${put} />`)}
                ${windowed && view.after > 0 && html`<tr class="spacer"><td colspan="11" style=${{ height: `${view.after}px` }}></td></tr>`}
              </tbody>
            </table>
          </div>`}
  </section>`;
}

/** @type {[Key|null, string, string, string][]} */
const COLUMNS = [
  ["state", "State", "c-state", ""],
  ["name", "Name", "c-name", ""],
  ["address", "Address", "c-address", ""],
  [null, "Serves", "c-handler", ""],
  [null, "Concurrency", "c-mode", ""],
  ["open", "Open", "c-open", "n"],
  ["flow", "Throughput", "c-flow", ""],
  ["errors", "Errors", "c-errors", "n"],
  ["up", "Up", "c-up", "n"],
];

/** @param {{sort: {key: Key, down: boolean}, setSort: (sort: {key: Key, down: boolean}) => void, all: boolean, some: boolean, onAll: () => void}} props */
const Head = ({ sort, setSort, all, some, onAll }) => html`<thead><tr>
  <th class="c-pick"><input type="checkbox" aria-label="Pick all" checked=${all} indeterminate=${some && !all} onChange=${onAll} /></th>
  ${COLUMNS.map(
    ([key, text, column, align]) => html`<th class=${`${column} ${align}`} scope="col" aria-sort=${key && sort.key === key ? (sort.down ? "descending" : "ascending") : undefined}>
      ${key
        ? html`<button type="button" class="sort" onClick=${() => setSort({ key, down: sort.key === key ? !sort.down : ["open", "flow", "errors"].includes(key) })}>${text}<${Icon} name="sort" class="small" /></button>`
        : text}
    </th>`,
  )}
  <th class="c-acts"><span class="sr">Controls</span></th>
</tr></thead>`;

/** @param {{service: Service, meters: DeckMeters, picked: boolean, onPick: (name: string, range: boolean) => void, put: (service: Service) => void}} props */
function Row({ service, meters, picked, onPick, put }) {
  const { name, status } = service;
  const meter = meters.of(name);
  const before = useRef(status.state);
  const changed = before.current !== status.state;
  useEffect(() => {
    before.current = status.state;
  });
  const failing = status.last_error && (status.state === "failed" || status.state === "backoff");
  const up = isUp(status.state);
  return html`<tr data-row=${name} tabindex="0" aria-selected=${picked ? "true" : undefined}
      onClick=${(/** @type {MouseEvent} */ event) => {
        if (!(/** @type {Element} */ (event.target).closest("a,button,input")) && !getSelection()?.toString()) location.assign(`/services/${name}`);
      }}>
    <td class="c-pick"><input type="checkbox" aria-label=${`Pick ${name}`} checked=${picked} onClick=${(/** @type {MouseEvent} */ event) => onPick(name, event.shiftKey)} /></td>
    <td class="c-state"><${StateWord} state=${status.state} changed=${changed} /></td>
    <td class="c-name"><a class="name" href=${`/services/${name}`} title=${service.description || undefined}>${name}</a></td>
    <td class="c-address mono" title=${shownAddress(service)}>${shownAddress(service)}</td>
    <td class="c-handler" title=${service.handler ?? ""}>${service.handler}</td>
    <td class="c-mode dim">${concurrencyWord(service)}</td>
    <td class="c-open n">${number(status.connections.open)}</td>
    <td class="c-flow">${failing
      ? html`<span class="why clip" title=${status.last_error?.message}>${status.last_error?.message}</span>`
      : up && html`<${Flow} meter=${meter} name=${name} />`}</td>
    <td class=${`c-errors n ${status.errors ? "bad" : "faint"}`}>${number(status.errors)}</td>
    <td class="c-up n dim">${up ? duration(age(status.since)) : ""}</td>
    <td class="c-acts"><${Acts} service=${service} put=${put} /></td>
  </tr>`;
}

/** @param {{meter: import("../lib/series.js").Meter, name: string}} props */
function Flow({ meter, name }) {
  const into = meter.of("in").mean(3) || 0;
  const out = meter.of("out").mean(3) || 0;
  return html`<div class="flow">
    <${Both} up=${meter.of("in")} down=${meter.of("out")} label=${`${name}: ${rate(into)} in, ${rate(out)} out`} />
    <span class="rates" aria-hidden="true"><span class=${into > 0 ? "in" : "faint"}>${rate(into)}</span><br /><span class=${out > 0 ? "out" : "faint"}>${rate(out)}</span></span>
  </div>`;
}

/** @param {{service: Service, put: (service: Service) => void}} props */
function Acts({ service, put }) {
  const { name } = service;
  const { state } = service.status;
  const command = useMemo(() => tryCommand(service), [service.name, service.status.address, service.handler]);
  return html`<div class="acts">
    ${state === "running" &&
    html`<${Button} small kind="quiet" icon="terminal" label=${`Copy a command that talks to ${name}`} tip=${command} tipClass="tip-end"
      onClick=${async () => {
        if (await copyText(command)) toast({ text: "Copied", detail: command });
      }} />`}
    ${canStart(state)
      ? html`<${Button} small kind="quiet" icon="play" label=${`Start ${name}`} tip="Start" tipClass="tip-end" class="go" busy=${isBusy(name, "start")} onClick=${() => control("start", [service], put)} />`
      : html`<${Button} small kind="quiet" icon="stop" label=${`Stop ${name}`} tip="Stop" tipClass="tip-end" busy=${isBusy(name, "stop")} disabled=${!canStop(state)} onClick=${() => control("stop", [service], put)} />`}
    <${Button} small kind="quiet" icon="restart" label=${`Restart ${name}`} tip="Restart" tipClass="tip-end" busy=${isBusy(name, "restart")} disabled=${!canRestart(state) || state === "stopped"} onClick=${() => control("restart", [service], put)} />
  </div>`;
}
