// @ts-check
/**
 * What may be done to the connections that are selected, and how far it has come. It floats over the
 * foot of the table, so that nothing moves when it comes and goes.
 */

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import { Button } from "./kit.js";
import { closeSelected, running, stopClosing } from "../lib/closings.js";
import { number } from "../lib/format.js";

/** @import { Connections } from "../lib/connections.js" */

const PACE_AT_FIRST = 10;
const PACE_MOST = 100_000;

/** @param {{connections: Connections}} props */
export function BulkBar({ connections }) {
  void connections.version.value;
  const { selection, list } = connections;
  const [paced, setPaced] = useState(false);
  const [pace, setPace] = useState(String(PACE_AT_FIRST));
  const goingOn = running.value;
  if (selection.isEmpty && goingOn.length === 0) return null;
  const value = Number(pace);
  const isPace = value > 0 && value <= PACE_MOST;
  const act = (/** @type {"close"|"reset"} */ how) =>
    closeSelected(connections, how, paced ? value : null);
  const count = selection.all ? (list.total ?? 0) : selection.some.size;
  // Only where all that match are open ones does their number say what would be hit.
  const more =
    !selection.all && connections.view.value.state === "open" && (list.total ?? 0) > count;
  return html`<div class="bulk" role="region" aria-label="Selected connections">
    ${goingOn.map(
      (closing) =>
        html`<div class="bulk-bar" key=${closing.id}>
          <span class="grow"
            ><label class="row"
              ><span
                >${closing.how === "reset" ? "Resetting" : "Closing"} ${number(closing.count)},
                ${number(closing.pace)} a second: ${number(closing.done + closing.missed)} done</span
              ><progress max=${closing.count} value=${closing.done + closing.missed}></progress></label
          ></span>
          <${Button} small icon="stop" onClick=${() => stopClosing(closing)}>Stop</${Button}>
        </div>`,
    )}
    ${
      !selection.isEmpty &&
      html`<div class="bulk-bar">
        <span class="strong" role="status"
          >${selection.all ? `All ${number(count)} that match` : `${number(count)} selected`}</span
        >
        ${
          more &&
          html`<${Button} small kind="quiet" onClick=${() => {
            selection.takeAll();
            connections.touch();
          }}>Select all ${number(list.total ?? 0)} that match</${Button}>`
        }
        <span class="bulk-pace">
          <span class="select slim"
            ><select
              class="input"
              aria-label="Pace"
              onChange=${(/** @type {any} */ event) => setPaced(event.currentTarget.value === "paced")}
            >
              <option value="once" selected=${!paced}>At once</option>
              <option value="paced" selected=${paced}>So many a second</option></select
            ><svg class="icon small" aria-hidden="true"><use href="#i-down" /></svg
          ></span>
          ${
            paced &&
            html`<input
              class="input slim"
              inputmode="decimal"
              aria-label="Connections a second"
              aria-invalid=${isPace ? undefined : "true"}
              value=${pace}
              onInput=${(/** @type {any} */ event) => setPace(event.currentTarget.value)}
            />`
          }
        </span>
        <${Button}
          small
          kind="danger"
          icon="x"
          disabled=${(paced && !isPace) || count === 0}
          onClick=${() => act("close")}
        >Close</${Button}>
        <${Button}
          small
          kind="danger"
          icon="power"
          disabled=${(paced && !isPace) || count === 0 || !selection.canReset}
          tip=${selection.canReset ? undefined : "Only TCP connections can be reset"}
          onClick=${() => act("reset")}
        >Reset</${Button}>
        <${Button}
          small
          kind="quiet"
          class="bulk-clear"
          onClick=${() => {
            selection.clear();
            connections.touch();
          }}
        >Clear</${Button}>
      </div>`
    }
  </div>`;
}
