// @ts-check
/** One connection: what is said over it, how it fares, where its handler is, and a word of one's own. */

import { html } from "htm/preact";
import { useMemo, useRef, useState } from "preact/hooks";
import { signal } from "@preact/signals";
import { get, query } from "../api.js";
import { CaptureNotice } from "../components/conversation/capture.js";
import { ConversationEmpty } from "../components/conversation/empty.js";
import { ConversationList } from "../components/conversation/list.js";
import { SendBox } from "../components/conversation/send.js";
import { ConversationTools } from "../components/conversation/tools.js";
import { ConnectionDetails } from "../components/connection-details.js";
import { ConnectionHead } from "../components/connection-head.js";
import { COUNTERS, KernelFigures, LEVELS, figuresOf } from "../components/kernel-figures.js";
import { Button, Icon } from "../components/kit.js";
import { LinkNotice } from "../components/link-notice.js";
import { StackCard } from "../components/stack.js";
import { boot } from "../lib/boot.js";
import { onTick, serverNow } from "../lib/clock.js";
import { Conversation } from "../lib/conversation/conversation.js";
import { Search } from "../lib/conversation/search.js";
import { clock, plural, words } from "../lib/format.js";
import { preference } from "../lib/memory.js";
import { Meter } from "../lib/series.js";
import { open } from "../lib/shell.js";

/** @import { Connection, Frame, Service } from "../types.js" */
/** @import { View } from "../lib/conversation/layout.js" */

const SERVICE_EVERY_S = 5;

/** @type {import("@preact/signals").Signal<Connection>} */
const connection = signal(boot.connection);
/** The service as it is now; null: it was deleted. @type {import("@preact/signals").Signal<Service|null>} */
const service = signal(boot.service);
const { id } = connection.value;
/** Whether it was open as the page was loaded: its end is news then. */
const wasOpen = connection.value.state === "open";

/** @type {import("../lib/conversation/conversation.js").Ask} */
const ask = (asked) => get(`/connections/${id}/messages${query(asked)}`);
const conversation = new Conversation(ask);
conversation.begin(boot.messages, boot.marks);
// What has ended is read from its beginning, where that is at hand; what goes on, from its end.
if (!wasOpen && !conversation.hasOlder) conversation.hold("scroll");
const search = new Search(ask);
const meter = new Meter(COUNTERS, LEVELS);

/** A closed one does not open again, however late an answer comes. @param {Connection} next */
const put = (next) => {
  if (connection.value.state === "closed" && next.state === "open") return;
  connection.value = next;
};

const VIEWS = ["auto", "text", "lines", "json", "hex"];

function Page() {
  const [view, setView] = useState(() => {
    const kept = preference.get("conversation.view", "auto");
    return /** @type {View} */ (VIEWS.includes(kept) ? kept : "auto");
  });
  const top = useRef(0);
  const go = useMemo(() => signal(0), []);
  const current = connection.value;
  const isOpen = current.state === "open";
  const turn = (/** @type {View} */ to) => {
    setView(to);
    preference.set("conversation.view", to);
  };
  return html`<${LinkNotice} />
    <${ConnectionHead} connection=${current} beside=${boot.beside} put=${put} />
    ${(isOpen || wasOpen) && html`<${KernelFigures} connection=${current} meter=${meter} />`}
    <div class="talk-page">
      <section class="card conversation" aria-label="The conversation">
        <${ConversationTools} ...${{ conversation, search, view, open: isOpen, top, go }} setView=${turn} />
        <${CaptureNotice} connection=${current} service=${service.value} put=${putService} />
        <${Sides} service=${current.service} />
        <div class="talk-frame">
          <${ConversationList}
            ...${{ conversation, view, search, top, go }}
            empty=${html`<${ConversationEmpty} connection=${current} service=${service.value} />`}
          />
          <${Missed} />
        </div>
        ${isOpen ? html`<${SendBox} connection=${current} />` : html`<${Ended} connection=${current} />`}
      </section>
      <aside class="talk-aside" aria-label="About the connection">
        <${ConnectionDetails} connection=${current} />
        <${StackCard} id=${id} open=${isOpen} />
      </aside>
    </div>`;
}

/** Whose side is whose. @param {{service: string}} props */
const Sides = ({ service: name }) =>
  html`<div class="talk-sides">
    <span class="in"><${Icon} name="in" class="small" />in, from the peer</span
    ><span class="out"><${Icon} name="out" class="small" />out, from ${name}</span>
  </div>`;

/** What came while the reader was elsewhere, or could not be read. */
function Missed() {
  void conversation.version.value;
  if (conversation.problem)
    return html`<div class="talk-missed bad" role="alert">
      <span>${conversation.problem}</span><${Button} small onClick=${() => conversation.toEnd()}>To the end</${Button}>
    </div>`;
  if (conversation.isLive || (conversation.missed === 0 && !conversation.hasNewer)) return null;
  return html`<button
    type="button"
    class="btn small tail-more"
    onClick=${() => conversation.toEnd()}
  >
    <${Icon} name="tail" />${conversation.missed ? plural(conversation.missed, "new message") : "To the end"}
  </button>`;
}

/** @param {{connection: Connection}} props */
const Ended = ({ connection: { close_reason: reason, closed_at: at } }) =>
  html`<p class="talk-ended" role=${wasOpen ? "status" : undefined}>
    <${Icon} name="closed" /><span
      ><span class="strong">${words(reason) || "closed"}</span>${at && html`<span class="dim">, ${clock(at)}</span>`}</span
    >
    ${wasOpen && html`<span class="dim">It ended while you were looking; what was said stays.</span>`}
  </p>`;

/** @param {Service} next */
function putService(next) {
  service.value = next;
}

async function askForService() {
  try {
    service.value = await get(`/services/${connection.value.service}`);
  } catch {
    // What was known of it stands.
  }
}

if (wasOpen) meter.sample(Number(boot.now ?? serverNow()), figuresOf(connection.value));
let ticks = 0;
onTick((at) => {
  if (connection.value.state === "closed" || document.hidden) return;
  meter.sample(at, figuresOf(connection.value));
  search.goOn();
  ticks += 1;
  if (service.value && ticks % SERVICE_EVERY_S === 0) askForService();
});

open(html`<${Page} />`).then((link) =>
  link.subscribe("connection", { id }, Number(boot.seq ?? 0), {
    onSnapshot: (snapshot) => snapshot && put(snapshot),
    onFrame: (/** @type {Frame} */ frame) => {
      if (frame.status) put(frame.status);
      conversation.push(frame.events);
    },
  }),
);
