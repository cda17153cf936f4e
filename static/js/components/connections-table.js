// @ts-check
/**
 * A table of connections, of one service or of all: filtered, sorted and counted by the server, drawn
 * as a window on as many as there are, live, and with what may be done to those that are selected.
 *
 * Nothing moves under the pointer, while rows are selected, or where somebody has scrolled to: the
 * rows keep their places then, and those that came are counted.
 */

import { html } from "htm/preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { ConnectionFacts } from "./connection-facts.js";
import { BulkBar } from "./connections-bulk.js";
import { Line, columnsOf } from "./connections-columns.js";
import { ConnectionsTools } from "./connections-tools.js";
import { Button, Empty, Icon, Notice } from "./kit.js";
import { moveInRows, useWindow } from "./window.js";
import { now } from "../lib/clock.js";
import { DEFAULTS, isDown, isNarrowed, keyOf, sortedBy } from "../lib/connection-view.js";
import { sentence } from "../lib/format.js";
import { keys } from "../lib/keys.js";

/** @import { Connections } from "../lib/connections.js" */
/** @import { Column } from "./connections-columns.js" */

const ROW = 32;
/** On a phone a row has two lines. */
const TALL_ROW = 58;
const NARROW = "(max-width: 720px)";

/**
 * @param {{
 *   connections: Connections, services?: string[]|null, open?: number|null, flows?: boolean,
 *   tcp?: boolean, empty: any, onEvents?: (id: number) => void,
 * }} props  `services`: those to choose from, null where it is of one; `empty`: what stands there where
 * there is none at all
 */
export function ConnectionsTable({
  connections,
  services = null,
  open = null,
  flows = false,
  tcp = true,
  empty,
  onEvents,
}) {
  void connections.version.value;
  const at = now.value;
  const { list, selection } = connections;
  const view = connections.view.value;
  const [over, setOver] = useState(false);
  const [within, setWithin] = useState(false);
  const [picked, setPicked] = useState(/** @type {number|null} */ (null));
  const narrow = useNarrow();
  const one = flows ? "flow" : "connection";
  const { count } = list;
  const shown = useWindow(count, narrow ? TALL_ROW : ROW);
  const rows = list.slice(shown.start, shown.end);
  const columns = useMemo(
    () => columnsOf(view.state, { all: services !== null, tcp }),
    [view.state, services !== null, tcp],
  );
  const selectable = view.state !== "closed";
  const held = over || within || !selection.isEmpty || shown.top > 0;

  useEffect(() => {
    list.watch(true);
    return () => list.watch(false);
  }, []);
  useEffect(() => list.hold(held), [held]);
  useEffect(() => list.look(shown.top, shown.top + shown.inSight));
  // Another order, or others: from their beginning.
  useEffect(() => {
    if (shown.ref.current) shown.ref.current.scrollTop = 0;
    setPicked(null);
  }, [view]);
  useEffect(() => {
    const ends = [
      keys.note(" ", "Select the row; with Shift all up to it", "Connections"),
      keys.note("i", "Look at the row beside the table", "Connections"),
    ];
    return () => ends.forEach((end) => end());
  }, []);

  const select = (/** @type {number} */ id, /** @type {boolean} */ range) => {
    selection.toggle(id, list.slice(0, count), range);
    connections.touch();
  };
  const pick = (/** @type {number} */ id) =>
    narrow ? location.assign(`/connections/${id}`) : setPicked(id === picked ? null : id);
  const showNew = () => {
    if (shown.ref.current) shown.ref.current.scrollTop = 0;
    void list.showNew();
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    const row = /** @type {HTMLElement} */ (event.target);
    const id = Number(row.dataset?.["row"] ?? Number.NaN);
    if (event.key === "Escape") {
      if (picked !== null) setPicked(null);
      else if (!selection.isEmpty) {
        selection.clear();
        connections.touch();
      }
    } else if (event.key === " " && selectable && id) {
      event.preventDefault();
      event.stopPropagation();
      select(id, event.shiftKey);
    } else if (event.key === "i" && id) setPicked(id === picked ? null : id);
    else
      moveInRows(event, {
        onEnter: (target) => location.assign(`/connections/${target.dataset["row"]}`),
      });
  };

  const entry = picked === null ? undefined : list.rows.get(picked);
  return html`<${ConnectionsTools}
      connections=${connections}
      services=${services}
      open=${open}
      one=${one}
      onNew=${showNew}
    />
    <div class="split panel-body conn-body">
      <div
        class=${`table-wrap ${list.turning ? "turning" : ""}`}
        ref=${shown.ref}
        onScroll=${shown.onScroll}
        onPointerEnter=${() => setOver(true)}
        onPointerLeave=${() => setOver(false)}
      >
        ${
          list.problem
            ? html`<${Problem} connections=${connections} />`
            : count === 0
              ? html`<${Nothing} connections=${connections} one=${one} empty=${empty} />`
              : html`<table class=${`table conns s-${view.state}`} aria-rowcount=${(list.total ?? count) + 1}>
                  <${Head} connections=${connections} columns=${columns} selectable=${selectable} />
                  <tbody
                    onKeyDown=${onKeyDown}
                    onFocusIn=${(/** @type {FocusEvent} */ event) =>
                      setWithin(/** @type {Element} */ (event.target).matches(":focus-visible"))}
                    onFocusOut=${() => setWithin(false)}
                  >
                    ${spacer(shown.before)}
                    ${rows.map((row, place) =>
                      row
                        ? html`<${Line}
                            key=${row.id}
                            row=${row}
                            columns=${columns}
                            place=${shown.start + place}
                            selected=${selection.has(row.id)}
                            selectable=${selectable}
                            picked=${row.id === picked}
                            now=${at}
                            onSelect=${select}
                            onPick=${pick}
                          />`
                        : html`<tr key=${`at-${shown.start + place}`} class="coming">
                            <td colspan="3"><span class="skeleton"></span></td>
                          </tr>`,
                    )}
                    ${spacer(shown.after)}
                  </tbody>
                </table>`
        }
      </div>
      ${
        entry &&
        html`<${ConnectionFacts}
          row=${entry}
          one=${one}
          onClose=${() => setPicked(null)}
          onEvents=${onEvents}
        />`
      }
      <${BulkBar} connections=${connections} />
    </div>`;
}

/**
 * In place of rows out of sight. It spans no columns: some are hidden where the table is narrow, and
 * it would bring others in their place.
 * @param {number} height
 */
const spacer = (height) =>
  height > 0 &&
  html`<tr class="spacer">
    <td style=${{ height: `${height}px` }}></td>
  </tr>`;

/** @param {{connections: Connections, columns: Column[], selectable: boolean}} props */
function Head({ connections, columns, selectable }) {
  void connections.version.value;
  const { list, selection } = connections;
  const view = connections.view.value;
  const every = () => list.slice(0, list.count);
  const isAll =
    selection.all || every().every((row) => !row || row.state !== "open" || selection.has(row.id));
  return html`<thead>
    <tr>
      ${
        selectable &&
        html`<th class="c-pick" scope="col">
          <input
            type="checkbox"
            aria-label="Select all that are listed"
            checked=${!selection.isEmpty && isAll}
            indeterminate=${!selection.isEmpty && !isAll}
            onChange=${() => {
              selection.toggleAll(every());
              connections.touch();
            }}
          />
        </th>`
      }
      ${columns.map((column) => {
        const { sort } = column;
        const by = sort && keyOf(view) === sort;
        return html`<th
          key=${column.text}
          class=${`c-${column.name} ${column.right ? "n" : ""}`}
          scope="col"
          aria-sort=${by ? (isDown(view) ? "descending" : "ascending") : undefined}
        >
          ${
            sort
              ? html`<button
                  type="button"
                  class="sort"
                  onClick=${() => connections.ask(sortedBy(view, sort))}
                >
                  ${column.text}<${Icon} name="sort" class="small" />
                </button>`
              : column.text
          }
        </th>`;
      })}
      <th class="c-act"><span class="sr">Close</span></th>
    </tr>
  </thead>`;
}

/**
 * Why the server will not list what is asked for.
 * @param {{connections: Connections}} props
 */
function Problem({ connections }) {
  void connections.version.value;
  const problem = /** @type {any} */ (connections.list.problem);
  /** @type {{pointer: string, detail: string}[]} */
  const errors = problem.errors?.length
    ? problem.errors
    : [{ pointer: "", detail: problem.detail ?? problem.message }];
  return html`<div class="conn-problem">
    <${Notice} tone="bad" urgent what="The panel cannot list this."
      side=${html`<${Button} small onClick=${() => connections.ask({ ...DEFAULTS, service: connections.service ?? "" })}>Start over</${Button}>`}>
      <ul>
        ${errors.map(
          (error) =>
            html`<li>
              ${error.pointer && html`<span class="mono">${error.pointer.slice(1)}</span>: `}${sentence(error.detail)}
            </li>`,
        )}
      </ul>
    </${Notice}>
  </div>`;
}

/**
 * What stands there where no row does.
 * @param {{connections: Connections, one: string, empty: any}} props
 */
function Nothing({ connections, one, empty }) {
  void connections.version.value;
  const view = connections.view.value;
  if (connections.list.turning) return html`<div class="conn-problem"><span class="skeleton"></span></div>`;
  if (isNarrowed(view, connections.service))
    return html`<${Empty}
      title="Nothing matches"
      text=${`No ${view.state === "all" ? "" : `${view.state} `}${one} is like that${view.state === "open" ? " now" : ""}.`}
    >
      <${Button} onClick=${() =>
        connections.ask({
          ...DEFAULTS,
          service: connections.service ?? "",
          state: view.state,
          sort: view.sort,
        })}>Show all</${Button}>
    </${Empty}>`;
  if (view.state === "closed")
    return html`<${Empty} title=${`No ${one} has been closed`} text="Those that close are listed here, with why they did." />`;
  return empty;
}

/** Whether the window is as narrow as a phone's. */
function useNarrow() {
  const [narrow, setNarrow] = useState(() => matchMedia(NARROW).matches);
  useEffect(() => {
    const media = matchMedia(NARROW);
    const look = () => setNarrow(media.matches);
    media.addEventListener("change", look);
    return () => media.removeEventListener("change", look);
  }, []);
  return narrow;
}
