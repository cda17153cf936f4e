// @ts-check
/** The columns of a table of connections: which there are depends on the state that is asked for. */

import { Component } from "preact";
import { html } from "htm/preact";
import { Preview, Untrusted } from "./bytes.js";
import { Button, Icon, Mark } from "./kit.js";
import { closeConnection } from "../lib/actions.js";
import { age } from "../lib/clock.js";
import { ago, clockSeconds, moment, number, size, span } from "../lib/format.js";

/** @import { Row } from "../lib/connection-rows.js" */

/**
 * @typedef {object} Column
 * @property {string} name  its class is `c-` and this
 * @property {string} text
 * @property {string|null} [sort]  the key by which the server sorts it
 * @property {boolean} [right]
 * @property {string} [tone]
 * @property {(row: Row) => any} cell
 */

/** @param {string} id */
export const pathOf = (id) => `/connections/${id}`;

/** @type {Record<string, Column>} */
const COLUMNS = {
  peer: {
    name: "peer",
    text: "Peer",
    cell: (row) =>
      html`<a class="name mono" href=${pathOf(String(row.id))}
        >${row.peer === null ? html`<span class="faint">unnamed</span>` : html`<${Untrusted} text=${row.peer} />`}</a
      >`,
  },
  service: {
    name: "service",
    text: "Service",
    cell: (row) => html`<a href=${`/services/${row.service}`}>${row.service}</a>`,
  },
  id: { name: "id", text: "Id", sort: "id", right: true, cell: (row) => row.id },
  state: {
    name: "state",
    text: "State",
    cell: (row) => html`<${Mark} connection=${row} />`,
  },
  reason: {
    name: "state",
    text: "Reason",
    sort: "reason",
    cell: (row) => html`<${Mark} connection=${row} />`,
  },
  closed: {
    name: "closed",
    text: "Closed",
    sort: "closed_at",
    right: true,
    cell: (row) =>
      row.closed_at &&
      html`<span title=${moment(row.closed_at)}
        >${age(row.closed_at) < 86_400 ? clockSeconds(row.closed_at) : moment(row.closed_at).slice(0, 16)}</span
      >`,
  },
  age: {
    name: "age",
    text: "Age",
    sort: "duration",
    right: true,
    cell: (row) => (row.state === "open" ? ago(age(row.opened_at)) : span(row.duration)),
  },
  idle: {
    name: "idle",
    text: "Idle",
    sort: "idle",
    right: true,
    // One that closes while its row is held says so where it was idle.
    cell: (row) =>
      row.state === "open" ? ago(age(row.last_activity)) : html`<${Mark} connection=${row} />`,
  },
  activity: {
    name: "idle",
    text: "Last activity",
    sort: "last_activity",
    right: true,
    cell: (row) => html`<span title=${moment(row.last_activity)}>${clockSeconds(row.last_activity)}</span>`,
  },
  rtt: {
    name: "rtt",
    text: "RTT",
    sort: "rtt",
    right: true,
    cell: (row) => (row.kernel ? span(row.kernel.rtt) : html`<span class="faint">–</span>`),
  },
  in: {
    name: "in",
    text: "In",
    sort: "bytes_in",
    right: true,
    cell: (row) => html`<span class=${row.bytes.in ? "in" : "faint"}>${size(row.bytes.in)}</span>`,
  },
  out: {
    name: "out",
    text: "Out",
    sort: "bytes_out",
    right: true,
    cell: (row) => html`<span class=${row.bytes.out ? "out" : "faint"}>${size(row.bytes.out)}</span>`,
  },
  messagesIn: {
    name: "messages",
    text: "Msgs in",
    sort: "messages_in",
    right: true,
    cell: (row) => messages(row, "in"),
  },
  messagesOut: {
    name: "messages",
    text: "Msgs out",
    sort: "messages_out",
    right: true,
    cell: (row) => messages(row, "out"),
  },
  last: { name: "last", text: "Last bytes", cell: (row) => lastOf(row) },
};

/**
 * The kernel, where it is who counts, knows of no messages.
 * @param {Row} row @param {"in"|"out"} way
 */
function messages(row, way) {
  if (row.counted_by === "kernel" && !row.messages[way]) return html`<span class="faint">–</span>`;
  return number(row.messages[way]);
}

const TRAFFIC = ["in", "out", "messagesIn", "messagesOut", "last"];

/**
 * @param {string} state
 * @param {{all: boolean, tcp: boolean}} which whether it is of all services, and may be TCP
 * @returns {Column[]}
 */
export function columnsOf(state, { all, tcp }) {
  const whose = all ? ["peer", "service", "id"] : ["peer", "id"];
  const names =
    state === "open"
      ? [...whose, "age", "idle", ...(tcp ? ["rtt"] : []), ...TRAFFIC]
      : state === "closed"
        ? [...whose, "closed", "age", "reason", ...TRAFFIC]
        : [...whose, "state", "age", "activity", ...TRAFFIC];
  return names.map((name) => {
    const column = /** @type {Column} */ (COLUMNS[name]);
    return name === "age" && state === "closed" ? { ...column, text: "Lasted" } : column;
  });
}

/** @param {Row} row */
function lastOf(row) {
  if (row.error)
    return html`<${Untrusted} text=${`${row.error.type}: ${row.error.message}`} class="bad" />`;
  const { last } = row;
  if (!last) return "";
  return html`<span class="row"
    ><span class=${last.direction}><${Icon} name=${last.direction} class="small" /></span
    ><span class="clip"
      >${
        last.base64
          ? html`<${Preview} base64=${last.base64} truncated=${last.truncated} />`
          : html`<span class="dim">${size(last.length)}</span>`
      }</span
    ></span
  >`;
}

/**
 * @typedef {object} LineProps
 * @property {Row} row
 * @property {Column[]} columns
 * @property {number} place  in the list, from 0
 * @property {boolean} selected
 * @property {boolean} selectable
 * @property {boolean} picked
 * @property {number} now  it is drawn anew as it ages
 * @property {(id: number, range: boolean) => void} onSelect
 * @property {(id: number) => void} onPick
 */

/** A row; drawn anew only where something in it has changed: there are frames twenty times a second. */
export class Line extends Component {
  /** @override @param {LineProps} next */
  shouldComponentUpdate(next) {
    const shown = /** @type {LineProps} */ (this.props);
    return (
      next.row !== shown.row ||
      next.now !== shown.now ||
      next.columns !== shown.columns ||
      next.place !== shown.place ||
      next.selected !== shown.selected ||
      next.selectable !== shown.selectable ||
      next.picked !== shown.picked
    );
  }

  /** @override */
  render() {
    const { row, columns, place, selected, selectable, picked, onSelect, onPick } =
      /** @type {LineProps} */ (this.props);
    const open = row.state === "open";
    return html`<tr
      data-row=${row.id}
      tabindex="0"
      aria-rowindex=${place + 2}
      aria-selected=${selected || picked ? "true" : undefined}
      class=${`${row.fresh ? "fresh" : ""} ${open ? "" : "gone"}`}
      onClick=${(/** @type {MouseEvent} */ event) => {
        if (/** @type {Element} */ (event.target).closest("button,a,input")) return;
        if (event.shiftKey && selectable) onSelect(row.id, true);
        else if (!getSelection()?.toString()) onPick(row.id);
      }}
    >
      ${
        selectable &&
        html`<td class="c-pick">
          <input
            type="checkbox"
            aria-label=${`Select connection ${row.id}`}
            checked=${selected && open}
            disabled=${!open}
            onClick=${(/** @type {MouseEvent} */ event) => onSelect(row.id, event.shiftKey)}
          />
        </td>`
      }
      ${columns.map(
        (column) =>
          html`<td class=${`c-${column.name} ${column.right ? "n" : ""}`} key=${column.text}>
            ${column.cell(row)}
          </td>`,
      )}
      <td class="c-act">
        ${
          open &&
          html`<${Button}
            small
            kind="quiet"
            icon="x"
            label=${`Close connection ${row.id}`}
            onClick=${() => closeConnection(row)}
          />`
        }
      </td>
    </tr>`;
  }
}
