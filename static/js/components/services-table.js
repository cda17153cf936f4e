// @ts-check
/** The services as a table: a row each, live, ordered, filtered, picked for acts on several. */

import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Button, Empty, Icon, Segment } from "./kit.js";
import { searched } from "./search.js";
import { ServiceRow } from "./service-row.js";
import { moveInRows, useWindow } from "./window.js";
import { control } from "../lib/actions.js";
import { now } from "../lib/clock.js";
import { FILTERS, matches, orders } from "../lib/service-order.js";
import { canRestart, canStart, canStop } from "../lib/states.js";

/** @import { Service } from "../types.js" */
/** @import { Deck } from "../lib/deck.js" */
/** @import { DeckMeters } from "../lib/meters.js" */
/** @import { Filter, Key } from "../lib/service-order.js" */

const ROW = 37;
const WINDOWED_ABOVE = 80;

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
    (service) => FILTERS[filter](service.status.state) && (!text || matches(service, text)),
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
    const from =
      range && lastPicked.current ? shown.findIndex((one) => one.name === lastPicked.current) : -1;
    const to = shown.findIndex((one) => one.name === name);
    const names =
      from < 0
        ? [name]
        : shown.slice(Math.min(from, to), Math.max(from, to) + 1).map((one) => one.name);
    for (const one of names) {
      if (on) next.add(one);
      else next.delete(one);
    }
    lastPicked.current = name;
    setPicked(next);
  };
  const chosen = services.filter((service) => picked.has(service.name));
  const count = (/** @type {Filter} */ key) =>
    services.filter((service) => FILTERS[key](service.status.state)).length;

  const windowed = shown.length > WINDOWED_ABOVE;
  const view = useWindow(shown.length, ROW);
  const rows = windowed ? shown.slice(view.start, view.end) : shown;

  return html`<section class="card" aria-label="Services">
    <div class="card-head">
      ${
        picked.size > 0
          ? html`<h2>${picked.size} picked</h2>
            <${Button}
                small
                icon="play"
                disabled=${!chosen.some((one) => canStart(one.status.state))}
                onClick=${() => control("start", chosen, put)}
              >Start</${Button}>
            <${Button}
                small
                icon="stop"
                kind="danger"
                disabled=${!chosen.some((one) => canStop(one.status.state))}
                onClick=${() => control("stop", chosen, put)}
              >Stop</${Button}>
            <${Button}
                small
                icon="restart"
                disabled=${!chosen.some((one) => canRestart(one.status.state))}
                onClick=${() => control("restart", chosen, put)}
              >Restart</${Button}>
            <${Button} small kind="quiet" onClick=${() => setPicked(new Set())}>Clear</${Button}>`
          : html`<h2>Services<span class="count">${services.length}</span></h2>
              ${
                services.length > 0 &&
                html`<${Segment}
                  label="Show"
                  value=${filter}
                  onChange=${setFilter}
                  options=${[
                    { value: "all", text: "All" },
                    { value: "up", text: "Running", count: count("up") },
                    { value: "stopped", text: "Stopped", count: count("stopped") },
                    { value: "failed", text: "Failed", count: count("failed") },
                  ]}
                />`
              }
              ${holds && html`<span class="paused-note">order held</span>`}`
      }
      <${Button} small icon="plus" href="/services/new" class="push only-wide">New service</${Button}>
    </div>
    ${
      services.length === 0
        ? html`<${Empty}
            title="No services yet"
            text="A service is one socketserver server: a handler, an address, and how requests are served."
          >
          <${Button}
              kind="primary"
              icon="plus"
              href="/services/new"
            >New service</${Button}><${Button} href="/handlers">See the handlers</${Button}>
        </${Empty}>`
        : shown.length === 0
          ? html`<${Empty}
              title="Nothing matches"
              text=${
                text
                  ? `No service ${filter === "all" ? "" : "in this state "}has “${searched.value}” in its name, address, handler or labels.`
                  : "No service is in this state."
              }
            >
            <${Button} onClick=${() => {
              setFilter("all");
              searched.value = "";
            }}>Show all</${Button}>
          </${Empty}>`
          : html`<div
              class=${windowed ? "table-wrap tall" : "table-wrap"}
              ref=${view.ref}
              onScroll=${view.onScroll}
              onPointerEnter=${() => setOver(true)}
              onPointerLeave=${() => setOver(false)}
            >
              <table class="table services" aria-rowcount=${shown.length}>
                <${Head}
                  sort=${sort}
                  setSort=${setSort}
                  all=${picked.size > 0 && picked.size === shown.length}
                  some=${picked.size > 0}
                  onAll=${() => setPicked(picked.size === shown.length ? new Set() : new Set(shown.map((one) => one.name)))}
                />
                <tbody
                  onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
                    const row = /** @type {HTMLElement} */ (event.target);
                    const name = row.dataset?.["row"];
                    if (event.key === " " && name) {
                      event.preventDefault();
                      event.stopPropagation();
                      pick(name, event.shiftKey);
                    } else if (event.key === "Escape") setPicked(new Set());
                    else
                      moveInRows(event, {
                        onEnter: (one) => location.assign(`/services/${one.dataset["row"]}`),
                      });
                  }}
                >
                  ${
                    windowed &&
                    view.before > 0 &&
                    html`<tr class="spacer">
                      <td colspan="11" style=${{ height: `${view.before}px` }}></td>
                    </tr>`
                  }
                  ${rows.map((service) => html`<${ServiceRow}
                      key=${service.name}
                      service=${service}
                      meters=${meters}
                      picked=${picked.has(service.name)}
                      onPick=${pick}
                      put=${put}
                    />`)}
                  ${
                    windowed &&
                    view.after > 0 &&
                    html`<tr class="spacer">
                      <td colspan="11" style=${{ height: `${view.after}px` }}></td>
                    </tr>`
                  }
                </tbody>
              </table>
            </div>`
    }
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

/**
 * @param {{
 *   sort: {key: Key, down: boolean},
 *   setSort: (sort: {key: Key, down: boolean}) => void,
 *   all: boolean,
 *   some: boolean,
 *   onAll: () => void,
 * }} props
 */
const Head = ({ sort, setSort, all, some, onAll }) =>
  html`<thead>
    <tr>
      <th class="c-pick">
        <input
          type="checkbox"
          aria-label="Pick all"
          checked=${all}
          indeterminate=${some && !all}
          onChange=${onAll}
        />
      </th>
      ${COLUMNS.map(
        ([key, text, column, align]) =>
          html`<th
            class=${`${column} ${align}`}
            scope="col"
            aria-sort=${key && sort.key === key ? (sort.down ? "descending" : "ascending") : undefined}
          >
            ${
              key
                ? html`<button
                    type="button"
                    class="sort"
                    onClick=${() => setSort({ key, down: sort.key === key ? !sort.down : ["open", "flow", "errors"].includes(key) })}
                  >
                    ${text}<${Icon} name="sort" class="small" />
                  </button>`
                : text
            }
          </th>`,
      )}
      <th class="c-acts"><span class="sr">Controls</span></th>
    </tr>
  </thead>`;
