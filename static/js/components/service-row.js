// @ts-check
/**
 * One service among the others: its state, its figures as they tick, and what may be done to it.
 */

import { html } from "htm/preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { copyText } from "./copy.js";
import { Button, StateWord } from "./kit.js";
import { Both } from "./spark.js";
import { toast } from "./toast.js";
import { control, isBusy } from "../lib/actions.js";
import { age } from "../lib/clock.js";
import { tryCommand } from "../lib/commands.js";
import { duration, number, rate } from "../lib/format.js";
import {
  canRestart,
  canStart,
  canStop,
  concurrencyWord,
  isUp,
  shownAddress,
} from "../lib/states.js";

/** @import { Service } from "../types.js" */
/** @import { DeckMeters } from "../lib/meters.js" */

/**
 * @param {{
 *   service: Service,
 *   meters: DeckMeters,
 *   picked: boolean,
 *   onPick: (name: string, range: boolean) => void,
 *   put: (service: Service) => void,
 * }} props
 */
export function ServiceRow({ service, meters, picked, onPick, put }) {
  const { name, status } = service;
  const meter = meters.of(name);
  const before = useRef(status.state);
  const changed = before.current !== status.state;
  useEffect(() => {
    before.current = status.state;
  });
  const failing = status.last_error && (status.state === "failed" || status.state === "backoff");
  const up = isUp(status.state);
  return html`<tr
    data-row=${name}
    tabindex="0"
    aria-selected=${picked ? "true" : undefined}
    onClick=${(/** @type {MouseEvent} */ event) => {
      if (
        !(/** @type {Element} */ (event.target).closest("a,button,input")) &&
        !getSelection()?.toString()
      )
        location.assign(`/services/${name}`);
    }}
  >
    <td class="c-pick">
      <input
        type="checkbox"
        aria-label=${`Pick ${name}`}
        checked=${picked}
        onClick=${(/** @type {MouseEvent} */ event) => onPick(name, event.shiftKey)}
      />
    </td>
    <td class="c-state"><${StateWord} state=${status.state} changed=${changed} /></td>
    <td class="c-name">
      <a class="name" href=${`/services/${name}`} title=${service.description || undefined}
        >${name}</a
      >
    </td>
    <td class="c-address mono" title=${shownAddress(service)}>${shownAddress(service)}</td>
    <td class="c-handler" title=${service.handler ?? ""}>${service.handler}</td>
    <td class="c-mode dim">${concurrencyWord(service)}</td>
    <td class="c-open n">${number(status.connections.open)}</td>
    <td class="c-flow">
      ${
        failing
          ? html`<span class="why clip" title=${status.last_error?.message}
              >${status.last_error?.message}</span
            >`
          : up && html`<${Flow} meter=${meter} name=${name} />`
      }
    </td>
    <td class=${`c-errors n ${status.errors ? "bad" : "faint"}`}>
      ${failing && !status.errors ? "" : number(status.errors)}
    </td>
    <td class="c-up n dim">${up ? duration(age(status.since)) : ""}</td>
    <td class="c-acts"><${Acts} service=${service} put=${put} /></td>
  </tr>`;
}

/** @param {{meter: import("../lib/series.js").Meter, name: string}} props */
function Flow({ meter, name }) {
  const into = meter.of("in").mean(3) || 0;
  const out = meter.of("out").mean(3) || 0;
  return html`<div class="flow">
    <${Both}
      up=${meter.of("in")}
      down=${meter.of("out")}
      label=${`${name}: ${rate(into)} in, ${rate(out)} out`}
    />
    <span class="rates" aria-hidden="true"
      ><span class=${into > 0 ? "in" : "faint"}>${rate(into)}</span><br /><span
        class=${out > 0 ? "out" : "faint"}
        >${rate(out)}</span
      ></span
    >
  </div>`;
}

/** @param {{service: Service, put: (service: Service) => void}} props */
function Acts({ service, put }) {
  const { name } = service;
  const { state } = service.status;
  const command = useMemo(
    () => tryCommand(service),
    [service.name, service.status.address, service.handler],
  );
  return html`<div class="acts">
    ${
      state === "running" &&
      html`<${Button}
        small
        kind="quiet"
        icon="terminal"
        label=${`Copy a command that talks to ${name}`}
        tip=${command}
        tipClass="tip-end"
        onClick=${async () => {
          if (await copyText(command)) toast({ text: "Copied", detail: command });
        }}
      />`
    }
    ${
      canStart(state)
        ? html`<${Button}
            small
            kind="quiet"
            icon="play"
            label=${`Start ${name}`}
            tip="Start"
            tipClass="tip-end"
            class="go"
            busy=${isBusy(name, "start")}
            onClick=${() => control("start", [service], put)}
          />`
        : html`<${Button}
            small
            kind="quiet"
            icon="stop"
            label=${`Stop ${name}`}
            tip="Stop"
            tipClass="tip-end"
            busy=${isBusy(name, "stop")}
            disabled=${!canStop(state)}
            onClick=${() => control("stop", [service], put)}
          />`
    }
    <${Button}
      small
      kind="quiet"
      icon="restart"
      label=${`Restart ${name}`}
      tip="Restart"
      tipClass="tip-end"
      busy=${isBusy(name, "restart")}
      disabled=${!canRestart(state) || state === "stopped"}
      onClick=${() => control("restart", [service], put)}
    />
  </div>`;
}
