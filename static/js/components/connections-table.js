// @ts-check
/** The connections of a service: a windowed table that lives, with the picked one beside it. */

import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { get, query } from "../api.js";
import { Preview, Untrusted } from "./bytes.js";
import { ConnectionFacts } from "./connection-facts.js";
import { Button, Empty, Icon, Mark, Segment } from "./kit.js";
import { toastError } from "./toast.js";
import { moveInRows, useWindow } from "./window.js";
import { closeConnection } from "../lib/actions.js";
import { age, now } from "../lib/clock.js";
import { ago, number, plural, size, span } from "../lib/format.js";
import { isDatagram, schemeOf } from "../lib/states.js";

/** @import { Service } from "../types.js" */
/** @import { ConnectionBook, Row as Entry, SortKey } from "../lib/connections.js" */

const ROW = 32;
const PAGE = 500;
const REORDER_MS = 250;

/** @typedef {"open"|"closed"|"all"} Filter */

/**
 * @param {{
 *   service: Service, book: ConnectionBook, version: import("@preact/signals").Signal<number>,
 *   cursors: import("@preact/signals").Signal<{open: string|null, closed: string|null}>, onEvents: (id: number) => void, command: any,
 * }} props
 */
export function ConnectionsTable({ service, book, version, cursors, onEvents, command }) {
  void version.value;
  void now.value;
  const [filter, setFilter] = useState(/** @type {Filter} */ ("open"));
  const [sort, setSort] = useState({ key: /** @type {SortKey} */ ("id"), down: true });
  const [text, setText] = useState("");
  const [over, setOver] = useState(false);
  const [picked, setPicked] = useState(/** @type {number|null} */ (null));
  const order = useRef({ ids: /** @type {number[]} */ ([]), of: "", at: 0, newest: 0, loads: 0 });
  const loading = useRef(false);
  const loads = useRef(0);
  const more = cursors.value;

  // Which rows and in which order is found a few times a second, what stands in them with each frame.
  // Under the pointer nothing moves: rows keep their places, those that came wait and are counted.
  // Older rows that were asked for do not wait: whoever scrolls to them has the pointer there.
  const asked = `${filter} ${sort.key} ${sort.down} ${text}`;
  const held = over && order.current.of === asked && order.current.ids.length > 0;
  const moment = performance.now();
  if (
    order.current.of !== asked ||
    order.current.loads !== loads.current ||
    (!held && moment - order.current.at > REORDER_MS)
  ) {
    const newest = held ? order.current.newest : book.newest;
    const found = book.list(filter, sort.key, sort.down, text).map((row) => row.id);
    order.current = {
      ids: held ? found.filter((id) => id <= newest) : found,
      of: asked,
      at: moment,
      newest,
      loads: loads.current,
    };
  }
  const ids = order.current.ids;
  const waiting = held ? book.cameSince(order.current.newest, filter) : 0;

  const load = async (/** @type {"open"|"closed"} */ state) => {
    const cursor = more[state];
    if (cursor === null || loading.current) return;
    // A full book would drop newer rows for older ones.
    if (cursor && book.rows.size > book.capacity - PAGE) return;
    loading.current = true;
    try {
      const answer = await get(
        `/connections${query({ service: service.name, state, limit: PAGE, cursor: cursor || null })}`,
      );
      book.load(answer.items);
      loads.current += 1;
      // Where the list is to be read anew meanwhile, that begins at its beginning.
      if (cursors.value[state] === cursor)
        cursors.value = { ...cursors.value, [state]: answer.next_cursor ?? null };
      version.value += 1;
    } catch (error) {
      toastError(error, "Loading connections failed");
      cursors.value = { ...cursors.value, [state]: null };
    }
    loading.current = false;
  };

  const view = useWindow(ids.length, ROW);
  const rows = ids.slice(view.start, view.end).flatMap((id) => book.rows.get(id) ?? []);
  // The server gives the newest first: what is looked for, or comes first in another order, may be
  // among those that have not been asked for. Of closed ones there may be too many for that.
  const wantsAll = text !== "" || sort.key !== "id" || !sort.down;
  const nearEnd = view.end >= ids.length - PAGE / 5;
  useEffect(() => {
    if (filter !== "closed" && more.open && (wantsAll || nearEnd)) load("open");
    else if (filter !== "open" && more.closed !== null && (nearEnd || more.closed === ""))
      load("closed");
  }, [filter, more, wantsAll, nearEnd]);
  // Another order, or others: from their beginning.
  useEffect(() => {
    if (view.ref.current) view.ref.current.scrollTop = 0;
  }, [asked]);
  const flows = isDatagram(schemeOf(service.address));
  const one = flows ? "flow" : "connection";
  const entry = picked === null ? undefined : book.rows.get(picked);
  const open = service.status.connections.open;
  const running = service.status.state === "running";
  // Nobody counts the closed ones: what is listed is called what it is.
  const partly = filter === "open" ? ids.length < open && more.open !== null : more.closed !== null;
  const listed = !partly
    ? plural(ids.length, one)
    : filter === "open"
      ? `${number(ids.length)} of ${plural(open, one)} loaded`
      : `${plural(ids.length, one)} loaded, there are older ones`;

  return html`<div class="tools">
      <${Segment}
        label="Show"
        value=${filter}
        onChange=${setFilter}
        options=${[
          { value: "open", text: "Open", count: number(open) },
          { value: "closed", text: "Closed" },
          { value: "all", text: "All" },
        ]}
      />
      <input
        class="input slim"
        type="search"
        placeholder=${`Peer, id${filter === "open" ? "" : ", reason"}`}
        aria-label=${`Filter ${one}s`}
        value=${text}
        onInput=${(/** @type {any} */ event) => setText(event.currentTarget.value)}
      />
      <span class="dim">${listed}</span>
      ${
        waiting > 0 &&
        html`<span class="tag accent push"
          >${number(waiting)} new, shown when the pointer leaves</span
        >`
      }
    </div>
    <div class="split panel-body">
      <div
        class="table-wrap"
        ref=${view.ref}
        onScroll=${view.onScroll}
        onPointerEnter=${() => setOver(true)}
        onPointerLeave=${() => setOver(false)}
      >
        ${
          ids.length === 0
            ? html`<${Nothing} text=${text} filter=${filter} flows=${flows} running=${running} command=${command} />`
            : html`<table class="table conns" aria-rowcount=${ids.length}>
                <${Head} sort=${sort} setSort=${setSort} flows=${flows} />
                <tbody
                  onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
                    if (event.key === "Escape") setPicked(null);
                    else
                      moveInRows(event, {
                        onEnter: (row) => setPicked(Number(row.dataset["row"])),
                      });
                  }}
                >
                  ${
                    view.before > 0 &&
                    html`<tr class="spacer">
                      <td colspan="9" style=${{ height: `${view.before}px` }}></td>
                    </tr>`
                  }
                  ${rows.map((row) => html`<${Line}
                      key=${row.id}
                      row=${row}
                      bytes=${row.bytes}
                      last=${row.last}
                      picked=${row.id === picked}
                      onPick=${setPicked}
                    />`)}
                  ${
                    view.after > 0 &&
                    html`<tr class="spacer">
                      <td colspan="9" style=${{ height: `${view.after}px` }}></td>
                    </tr>`
                  }
                </tbody>
              </table>`
        }
      </div>
      ${entry && html`<${ConnectionFacts}
          row=${entry}
          one=${one}
          onClose=${() => setPicked(null)}
          onEvents=${onEvents}
        />`}
    </div>`;
}

/**
 * What stands there where no row does: why, and how to make one.
 * @param {{text: string, filter: Filter, flows: boolean, running: boolean, command: any}} props
 */
function Nothing({ text, filter, flows, running, command }) {
  const one = flows ? "flow" : "connection";
  if (text) {
    const why = `No ${one} has “${text}” in its peer or id.`;
    return html`<${Empty} title="Nothing matches" text=${why} />`;
  }
  const title = filter === "closed" ? `No ${one} has been closed` : "Nobody is connected";
  if (!running) return html`<${Empty} title=${title} text="The service is not running." />`;
  const when = flows
    ? "Flows appear here the moment a first datagram arrives."
    : "Connections appear here the moment they are accepted.";
  return html`<${Empty} title=${title} text=${`${when} To make one:`}>${command}</${Empty}>`;
}

/** @type {[SortKey|null, string, string, string][]} */
const COLUMNS = [
  ["peer", "Peer", "c-peer", ""],
  ["id", "Id", "c-id", "n"],
  ["age", "Age", "c-age", "n"],
  ["idle", "Idle", "c-idle", "n"],
  ["in", "In", "c-in", "n"],
  ["out", "Out", "c-out", "n"],
  ["state", "State", "c-state", ""],
  [null, "Last bytes", "c-last", ""],
];

/**
 * @param {{
 *   sort: {key: SortKey, down: boolean},
 *   setSort: (sort: {key: SortKey, down: boolean}) => void,
 *   flows: boolean,
 * }} props
 */
const Head = ({ sort, setSort }) =>
  html`<thead>
    <tr>
      ${COLUMNS.map(
        ([key, text, column, align]) =>
          html`<th
            class=${`${column} ${align}`}
            scope="col"
            aria-sort=${key && sort.key === key ? (sort.down ? "descending" : "ascending") : undefined}
          >
            ${key ? html`<button
                type="button"
                class="sort"
                onClick=${() => setSort({ key, down: sort.key === key ? !sort.down : key !== "peer" })}
              >${text}<${Icon} name="sort" class="small" /></button>` : text}
          </th>`,
      )}
      <th class="c-act"><span class="sr">Close</span></th>
    </tr>
  </thead>`;

/**
 * @param {{
 *   row: Entry,
 *   bytes: Entry["bytes"],
 *   last: Entry["last"],
 *   picked: boolean,
 *   onPick: (id: number) => void,
 * }} props
 */
function Line({ row, bytes, last, picked, onPick }) {
  const open = row.state === "open";
  return html`<tr
    data-row=${row.id}
    tabindex="0"
    aria-selected=${picked ? "true" : undefined}
    class=${`${row.fresh ? "fresh" : ""} ${open ? "" : "gone"}`}
    onClick=${(/** @type {MouseEvent} */ event) => !(/** @type {Element} */ (event.target).closest("button")) && onPick(row.id)}
  >
    <td class="c-peer mono">
      ${row.peer === null ? html`<span class="faint">unnamed</span>` : html`<${Untrusted} text=${row.peer} />`}
    </td>
    <td class="c-id n mono dim">${row.id}</td>
    <td class="c-age n">${open ? ago(age(row.opened_at)) : span(row.duration)}</td>
    <td class="c-idle n dim">${open ? ago(age(row.last_activity)) : ""}</td>
    <td class=${`c-in n ${bytes.in ? "in" : "faint"}`}>${size(bytes.in)}</td>
    <td class=${`c-out n ${bytes.out ? "out" : "faint"}`}>${size(bytes.out)}</td>
    <td class="c-state"><${Mark} connection=${row} /></td>
    <td class="c-last">
      ${
        row.error
          ? html`<${Untrusted} text=${`${row.error.type}: ${row.error.message}`} class="bad" />`
          : last &&
            html`<span class="row"
              ><span class=${last.direction}><${Icon} name=${last.direction} class="small" /></span
              ><span class="clip"
                >${last.base64 ? html`<${Preview}
                    base64=${last.base64}
                    truncated=${last.truncated}
                  />` : html`<span class="dim">${size(last.length)}</span>`}</span
              ></span
            >`
      }
    </td>
    <td class="c-act">
      ${open && html`<${Button}
          small
          kind="quiet"
          icon="x"
          label=${`Close connection ${row.id}`}
          onClick=${() => closeConnection(row)}
        />`}
    </td>
  </tr>`;
}
