// @ts-check
/**
 * The head of a service's page: its state, its address, what it is made of, and what may be done.
 */

import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { CaptureControl } from "./capture-control.js";
import { Copy } from "./copy.js";
import { Button, Lamp, Notice, Trace } from "./kit.js";
import { control, handleOne, isBusy } from "../lib/actions.js";
import { age, now } from "../lib/clock.js";
import { tryCommand } from "../lib/commands.js";
import { duration, list, plural, sentence, words } from "../lib/format.js";
import {
  STATE_WORDS,
  canHandleOne,
  canRestart,
  canStart,
  canStop,
  isUp,
  serverClass,
  shownAddress,
} from "../lib/states.js";

/** @import { Service } from "../types.js" */

/** @param {{service: Service, put: (service: Service) => void}} props */
export function ServiceHead({ service, put }) {
  void now.value;
  const { name, status } = service;
  const { state } = status;
  const before = useRef(state);
  const changed = before.current !== state;
  useEffect(() => {
    before.current = state;
  });
  const since = duration(age(status.since));
  const pending = status.pending_changes;
  return html`<header class="page-head service-head">
      <${Lamp} state=${state} changed=${changed} />
      <h1>${name}</h1>
      <${Copy} text=${shownAddress(service)} what="the address" />
      <div class="tags">
        <span class=${`tag ${state === "failed" ? "bad" : isUp(state) ? "" : "line"}`} role="status"
          >${STATE_WORDS[state]} ${since}</span
        >
        <span class="tag">${serverClass(service)}</span>
        <span class="tag mono" title=${service.handler ?? ""}>${service.handler}</span>
        <${HostTag} service=${service} />
        ${isUp(state) && html`<${CaptureControl} service=${service} put=${put} />`}
        ${
          service.requests !== null &&
          html`<span class="tag">${plural(service.requests, "request")}, then stopped</span>`
        }
        ${
          status.restarts > 0 &&
          html`<span class="tag warn">${plural(status.restarts, "restart")}</span>`
        }
      </div>
      <div class="acts">
        ${state === "running" && html`<${Copy}
            text=${tryCommand(service)}
            what="a command that talks to it"
            class="try-command"
            shown=${html`<span class="prompt" aria-hidden="true">$ </span>${tryCommand(service)}`}
          />`}
        ${canHandleOne(state) && html`<${Button}
            icon="one"
            busy=${isBusy(name, "handle")}
            onClick=${() => handleOne(service, put)}
          >Handle one request</${Button}>`}
        ${!canStart(state) && html`<${Button}
            icon="restart"
            disabled=${!canRestart(state)}
            busy=${isBusy(name, "restart")}
            onClick=${() => control("restart", [service], put)}
          >Restart</${Button}>`}
        ${
          canStart(state)
            ? html`<${Button}
                kind="primary"
                icon="play"
                busy=${isBusy(name, "start")}
                onClick=${() => control("start", [service], put)}
              >Start</${Button}>`
            : html`<${Button}
                kind="danger"
                icon="stop"
                disabled=${!canStop(state)}
                busy=${isBusy(name, "stop")}
                onClick=${() => control("stop", [service], put)}
              >Stop</${Button}>`
        }
      </div>
      ${service.description && html`<p class="dim about">${service.description}</p>`}
    </header>
    <${Fault} service=${service} />
    ${
      pending.length > 0 &&
      html`<${Notice}
        tone="info"
        what=${`Changed since it started: ${list(pending.map(words))}.`}
        why="It goes on as it was; a restart applies what changed."
        side=${html`<${Button}
            small
            icon="restart"
            busy=${isBusy(name, "restart")}
            onClick=${() => control("restart", [service], put)}
          >Restart now</${Button}>`}
      />`
    }`;
}

/** Where its server runs. @param {{service: Service}} props */
function HostTag({ service }) {
  const { host, pids } = service.status;
  if (host === "thread" && service.concurrency !== "forking") {
    return html`<span class="tag">background thread</span>`;
  }
  return html`<span class="tag">child process <span class="mono">${pids.join(" ")}</span></span>`;
}

/** Why it is not running though it should. @param {{service: Service}} props */
function Fault({ service }) {
  const { state, last_error: error } = service.status;
  if (!error || (state !== "failed" && state !== "backoff")) return null;
  const what =
    state === "failed"
      ? sentence(error.message)
      : `It ended by itself and is tried again: ${error.message}`;
  return html`<${Notice}
      tone="bad"
      urgent
      what=${what}
      why=${html`<span class="mono">${error.type}</span>`}
    >
    ${error.traceback && html`<${Trace} text=${error.traceback} open=${!error.type.startsWith("Address")} />`}
  </${Notice}>`;
}
