// @ts-check
/**
 * The catalogue: what a service can serve, what of the reader's own does not import, and how to
 * write one.
 */

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import { get } from "../api.js";
import { Code } from "../components/code.js";
import { Copy, CopyButton } from "../components/copy.js";
import { Button, Icon, Prose, Segment, Trace } from "../components/kit.js";
import { toast, toastError } from "../components/toast.js";
import { boot } from "../lib/boot.js";
import { plural } from "../lib/format.js";
import { fieldsOf } from "../lib/schema.js";
import { open } from "../lib/shell.js";

/** @import { Handler } from "../types.js" */

/** @typedef {{file: string, message: string, traceback?: string|null}} Broken */

const SAMPLE = `from socketserver import StreamRequestHandler


class Shout(StreamRequestHandler):
    """Answers each line in capitals."""

    def handle(self):
        print("hello", self.client_address)
        for line in self.rfile:
            loud = line.strip().upper()
            self.wfile.write(loud + b"!\\n")
`;

/** @type {Record<string, (handler: Handler) => boolean>} */
const FILTERS = {
  all: () => true,
  stream: (handler) => handler.transports.some((one) => one === "tcp" || one === "unix"),
  datagram: (handler) => handler.transports.some((one) => one === "udp" || one === "unixgram"),
};

function Handlers() {
  const [listing, setListing] = useState(
    /** @type {{items: Handler[], errors: Broken[]}} */ ({
      items: boot.items,
      errors: boot.errors ?? [],
    }),
  );
  const [filter, setFilter] = useState("all");
  const [busy, setBusy] = useState(false);
  const own = listing.items.filter((handler) => handler.source !== "builtin");
  const builtin = listing.items.filter(
    (handler) =>
      handler.source === "builtin" &&
      /** @type {(handler: Handler) => boolean} */ (FILTERS[filter])(handler),
  );
  const again = async () => {
    setBusy(true);
    try {
      const answer = await get("/handlers");
      setListing({ items: answer.items, errors: answer.errors ?? [] });
      toast({
        text: "Read the folder again",
        detail: `${plural(answer.items.filter((/** @type {Handler} */ one) => one.source === "file").length, "class", "classes")} found`,
      });
    } catch (error) {
      toastError(error, "Reading the folder failed");
    }
    setBusy(false);
  };
  return html`
    <header class="page-head"><h1>Handlers</h1><span class="sub">what a service can serve: any <code>BaseRequestHandler</code>, from the catalogue or from your own folder</span></header>
    <div class="beside">
      <div class="stack">
        <section class="card" aria-label="Your own">
          <div class="card-head"><h2>Your own<span class="count">${own.length}</span></h2>
            ${listing.errors.length > 0 && html`<span class="tag bad">${plural(listing.errors.length, "file")} broken</span>`}
            <${Button}
                small
                icon="restart"
                class="push"
                busy=${busy}
                onClick=${again}
              >Read the folder again</${Button}></div>
          ${listing.errors.map(
            (error) =>
              html`<div class="broken stack" key=${error.file}>
                <div class="row">
                  <span class="bad"><${Icon} name="warn" /></span
                  ><span class="mono strong">${error.file}</span
                  ><span class="dim">does not import</span>
                </div>
                <p class="bad">${error.message}</p>
                ${error.traceback && html`<${Trace} text=${error.traceback} />`}
              </div>`,
          )}
          ${
            own.length > 0
              ? html`<ul class="own">
                  ${own.map((handler) => html`<${Own} key=${handler.name} handler=${handler} />`)}
                </ul>`
              : listing.errors.length === 0 &&
                html`<div class="card-body dim">
                  No classes yet. A Python file in the handlers folder is enough; beside is one.
                </div>`
          }
        </section>
        <section class="card" aria-label="Catalogue">
          <div class="card-head"><h2>Catalogue<span class="count">${builtin.length}</span></h2>
            <${Segment} label="Show" value=${filter} onChange=${setFilter} options=${[
              { value: "all", text: "All" },
              { value: "stream", text: "Streams" },
              { value: "datagram", text: "Datagrams" },
            ]} /></div>
          <div class="catalogue">${builtin.map((handler) => html`<${Entry}
              key=${handler.name}
              handler=${handler}
            />`)}</div>
        </section>
      </div>
      <aside class="card" aria-label="How to write your own">
        <div class="card-head"><h2>How to write your own</h2><span class="push"></span><${CopyButton}
            text=${SAMPLE}
            label="Copy the sample"
          /></div>
        <div class="card-body stack">
          <p class="dim">Put a file such as <code>shout.py</code> into the handlers folder${boot.folder ? ":" : "."}</p>
          ${boot.folder && html`<${Copy} text=${boot.folder} what="the folder’s path" class="wide" />`}
          <p class="dim">The class is plain <code>socketserver</code> and knows nothing of Socketdeck.</p>
          <${Code} text=${SAMPLE} language="python" label="the sample" />
          <ol class="steps dim">
            <li>Make a service with the handler <code>shout:Shout</code>: the file, a colon, the class.</li>
            <li>Start it. What it prints shows among its events, by the connection.</li>
            <li>Edit the file and restart the service: the new code is served.</li>
          </ol>
          <p class="dim">Use <code>BaseRequestHandler</code> for the bare socket, <code>StreamRequestHandler</code> for files of bytes, <code>DatagramRequestHandler</code> for UDP. An exception in <code>handle</code> closes its own connection and shows with its traceback; the service goes on.</p>
        </div>
      </aside>
    </div>`;
}

/** @param {{handler: Handler}} props */
const Own = ({ handler }) => html`<li>
  <span class="mono strong">${handler.name}</span><span class="dim clip grow"><${Prose} text=${handler.description.split("\n")[0] ?? ""} /></span>
  <span class="can mono faint">${handler.transports.join(" ")}</span>
  <${Button} small href=${`/services/new?handler=${encodeURIComponent(handler.name)}`}>Use it</${Button}>
</li>`;

/** @param {{handler: Handler}} props */
function Entry({ handler }) {
  const fields = fieldsOf(handler.options_schema);
  return html`<article class="handler">
    <h3><code>${handler.name}</code><span class="faint">${handler.title}</span></h3>
    <p><${Prose} text=${handler.description} /></p>
    ${
      fields.length > 0 &&
      html`<details class="trace">
        <summary>
          <${Icon} name="right" class="small turns" />${plural(fields.length, "option")}
        </summary>
        <table class="options">
          <tbody>
            ${fields.map(
              (field) =>
                html`<tr key=${field.key}>
                  <td class="mono">${field.key}</td>
                  <td class="d">
                    ${field.description}${shownDefault(field.fallback) && html` <span class="faint mono">= ${shownDefault(field.fallback)}</span>`}
                  </td>
                </tr>`,
            )}
          </tbody>
        </table>
      </details>`
    }
    <div class="foot"><span class="can mono faint">${handler.transports.join(" ")}</span>
      ${handler.shares_state && html`<span class="tag line">shares state</span>`}
      <${Button}
          small
          class="push"
          href=${`/services/new?handler=${encodeURIComponent(handler.name)}`}
          label=${`Use it: ${handler.name}`}
        >Use it</${Button}></div>
  </article>`;
}

/** @param {any} value */
function shownDefault(value) {
  if (value === undefined || value === null || value === "") return "";
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 38)}…` : text;
}

open(html`<${Handlers} />`);
