// @ts-check
/** Above a table of connections: which of them, in which order, and how many there are. */

import { html } from "htm/preact";
import { Button, Icon, Segment } from "./kit.js";
import {
  REASONS,
  SORT_WORDS,
  inState,
  isDown,
  keyOf,
  sortKeys,
  sortedBy,
} from "../lib/connection-view.js";
import { number, plural, words } from "../lib/format.js";

/** @import { Connections } from "../lib/connections.js" */

/**
 * @param {{
 *   connections: Connections, services: string[]|null, open: number|null, one: string,
 *   onNew: () => void,
 * }} props  `services`: those to choose from; null: it is of one. `open`: how many are, where that is known
 */
export function ConnectionsTools({ connections, services, open, one, onNew }) {
  void connections.version.value;
  const { list } = connections;
  const view = connections.view.value;
  const keys = sortKeys(view.state);
  const key = keyOf(view);
  const bad = wrong(list.problem);
  const typed = (/** @type {"q"|"peer"} */ name) => (/** @type {any} */ event) =>
    connections.ask({ ...view, [name]: event.currentTarget.value.trim() }, { typed: true });
  return html`<div class="tools conn-tools" role="group" aria-label=${`Which ${one}s`}>
    <${Segment}
      label="Show"
      value=${view.state}
      onChange=${(/** @type {string} */ state) => connections.ask(inState(view, state))}
      options=${[
        { value: "open", text: "Open", ...(open === null ? {} : { count: number(open) }) },
        { value: "closed", text: "Closed" },
        { value: "all", text: "All" },
      ]}
    />
    ${
      services &&
      html`<${Choice}
        label="Service"
        value=${view.service}
        options=${[["", "All services"], ...withGiven(services, view.service).map((name) => [name, name])]}
        onChange=${(/** @type {string} */ service) => connections.ask({ ...view, service })}
      />`
    }
    <input
      class="input slim"
      type="search"
      placeholder=${services ? "Search peer, service" : "Search peer, local"}
      aria-label=${`Filter ${one}s`}
      aria-invalid=${bad.has("/q") ? "true" : undefined}
      maxlength="256"
      value=${view.q}
      onInput=${typed("q")}
    />
    <input
      class="input slim mono"
      type="search"
      placeholder="Peer 10.0.0.0/8"
      aria-label="Peer: an address, a CIDR, HOST:PORT, a path or @name"
      aria-invalid=${bad.has("/peer") ? "true" : undefined}
      maxlength="256"
      spellcheck="false"
      autocomplete="off"
      value=${view.peer}
      onInput=${typed("peer")}
    />
    ${
      view.state !== "open" &&
      html`<${Choice}
        label="Reason"
        value=${view.reason}
        options=${[["", "Any reason"], ...withGiven(REASONS, view.reason).map((reason) => [reason, words(reason)])]}
        onChange=${(/** @type {string} */ reason) => connections.ask({ ...view, reason })}
      />`
    }
    <span class="row sorting">
      <${Choice}
        label="Sort by"
        value=${key}
        options=${withGiven(keys, key).map((name) => [name, `By ${(SORT_WORDS[name] ?? name).toLowerCase()}`])}
        onChange=${(/** @type {string} */ next) => connections.ask(sortedBy(view, next))}
      />
      <${Button}
        small
        icon=${isDown(view) ? "down" : "up"}
        label=${isDown(view) ? "Descending; turn it round" : "Ascending; turn it round"}
        onClick=${() => connections.ask(sortedBy(view, key))}
      />
    </span>
    <span class="push row said">
      ${
        list.waiting > 0 &&
        html`<button type="button" class="btn small accent" onClick=${onNew}>
          <${Icon} name="up" class="small" />${number(list.waiting)}${list.waitingMore ? "+" : ""} new
        </button>`
      }
      <span class="dim" role="status"
        >${list.total === null ? "" : plural(list.total, one)}</span
      >
    </span>
  </div>`;
}

/**
 * @param {{label: string, value: string, options: string[][], onChange: (value: string) => void}} props
 */
const Choice = ({ label, value, options, onChange }) =>
  html`<span class="select slim"
    ><select
      class="input"
      aria-label=${label}
      onChange=${(/** @type {any} */ event) => onChange(event.currentTarget.value)}
    >
      ${options.map(([key, text]) => html`<option key=${key} value=${key} selected=${key === value}>${text}</option>`)}</select
    ><${Icon} name="down" class="small"
  /></span>`;

/** What an address may ask for and no list has is among them all the same. @param {string[]} known @param {string} given */
const withGiven = (known, given) => (!given || known.includes(given) ? known : [given, ...known]);

/** The fields that the server calls wrong. @param {any} problem @returns {Set<string>} */
export const wrong = (problem) =>
  new Set((problem?.errors ?? []).map((/** @type {any} */ error) => error.pointer));
