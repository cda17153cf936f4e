// @ts-check
/** The first visit: services that are ready to start, and for each a command that talks to it. */

import { html } from "htm/preact";
import { Button, Lamp } from "./kit.js";
import { Copy } from "./copy.js";
import { control, isBusy } from "../lib/actions.js";
import { tryCommand } from "../lib/commands.js";
import { plural, sentence } from "../lib/format.js";
import { canStart } from "../lib/states.js";

/** @import { Service } from "../types.js" */

/** @param {{services: Service[], put: (service: Service) => void, onDismiss: () => void}} props */
export const Welcome = ({ services, put, onDismiss }) =>
  html`<section class="card welcome" aria-label="First steps">
    <div class="welcome-head">
      <div>
        <h2>${plural(services.length, "service")} ready to start</h2>
        <p>
          Start one, paste its command into a terminal, and watch the connection arrive here:
          opened, its bytes, closed.
        </p>
      </div>
      <${Button}
        small
        kind="quiet"
        icon="x"
        label="Dismiss the first steps"
        tip="Dismiss"
        tipClass="tip-end"
        class="push"
        onClick=${onDismiss}
      />
    </div>
    <div class="starters">
      ${services.map((service) => html`<${Starter} key=${service.name} service=${service} put=${put} />`)}
    </div>
  </section>`;

/** @param {{service: Service, put: (service: Service) => void}} props */
function Starter({ service, put }) {
  const { name, status } = service;
  const { open, total } = status.connections;
  const command = tryCommand(service);
  const startable = canStart(status.state);
  return html`<article class="starter">
    <h3>
      <${Lamp} state=${status.state} /><a class="link-name" href=${`/services/${name}`}>${name}</a
      ><span class="tag mono push">${status.address ?? service.address}</span>
    </h3>
    <p class=${status.state === "failed" ? "bad" : ""}>${
      status.state === "failed" && status.last_error
        ? sentence(status.last_error.message)
        : startable
          ? service.description
          : total === 0
            ? "Waiting for the first connection."
            : `${plural(total, "connection")} so far, ${open} open.`
    }</p>
    <div class="row">
      ${
        startable
          ? html`<${Button}
              kind="primary"
              icon="play"
              busy=${isBusy(name, "start")}
              onClick=${() => control("start", [service], put)}
            >Start<span class="sr"> ${name}</span></${Button}>`
          : total > 0 && html`<${Button} href=${`/services/${name}`}>Watch it</${Button}>`
      }
      <${Copy}
        text=${command}
        class="wide"
        what="the command"
        shown=${html`<span class="prompt" aria-hidden="true">$ </span>${command}`}
      />
    </div>
  </article>`;
}
