// @ts-check
/**
 * The head of a service's page: its state, its address, what it is made of, and what may be done.
 */

import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
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
        <span class="tag"
          >${status.host === "thread" && service.concurrency !== "forking" ? "background thread" : html`child process${status.pids.length > 0 && html` <span class="mono">${status.pids.join(" ")}</span>`}`}</span
        >
        ${service.requests !== null && html`<span class="tag">${plural(service.requests, "request")}, then stopped</span>`}
        ${status.restarts > 0 && html`<span class="tag warn">${plural(status.restarts, "restart")}</span>`}
      </div>
      <div class="acts">
        ${state === "running" && html`<${Copy} text=${tryCommand(service)} what="a command that talks to it" class="try-command" shown=${html`<span class="prompt" aria-hidden="true">$ </span>${tryCommand(service)}`} />`}
        ${canHandleOne(state) && html`<${Button} icon="one" busy=${isBusy(name, "handle")} onClick=${() => handleOne(service, put)}>Handle one request</${Button}>`}
        ${!canStart(state) && html`<${Button} icon="restart" disabled=${!canRestart(state)} busy=${isBusy(name, "restart")} onClick=${() => control("restart", [service], put)}>Restart</${Button}>`}
        ${
          canStart(state)
            ? html`<${Button} kind="primary" icon="play" busy=${isBusy(name, "start")} onClick=${() => control("start", [service], put)}>Start</${Button}>`
            : html`<${Button} kind="danger" icon="stop" disabled=${!canStop(state)} busy=${isBusy(name, "stop")} onClick=${() => control("stop", [service], put)}>Stop</${Button}>`
        }
      </div>
    </header>
    ${service.description && html`<p class="dim about">${service.description}</p>`}
    <${Fault} service=${service} />
    ${
      status.pending_changes.length > 0 &&
      html`<${Notice}
        tone="info"
        what=${`${sentence(list(status.pending_changes.map(words)))} ${status.pending_changes.length === 1 ? "has" : "have"} changed since it started.`}
        why="It goes on as it was; a restart applies what changed."
        side=${html`<${Button} small icon="restart" busy=${isBusy(name, "restart")} onClick=${() => control("restart", [service], put)}>Restart now</${Button}>`}
      />`
    }`;
}

/** Why it is not running though it should. @param {{service: Service}} props */
function Fault({ service }) {
  const { state, last_error: error } = service.status;
  if (!error || (state !== "failed" && state !== "backoff")) return null;
  return html`<${Notice} tone="bad" urgent what=${state === "failed" ? sentence(error.message) : `It ended by itself and is tried again: ${error.message}`} why=${html`<span class="mono">${error.type}</span>`}>
    ${error.traceback && html`<${Trace} text=${error.traceback} open=${!error.type.startsWith("Address")} />`}
  </${Notice}>`;
}
