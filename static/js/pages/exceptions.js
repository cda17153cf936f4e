// @ts-check
/** Exceptions: what the handlers of all services raised, each failure once. */

import { html } from "htm/preact";
import { get, query } from "../api.js";
import { Exceptions } from "../components/exceptions.js";
import { LinkNotice } from "../components/link-notice.js";
import { boot } from "../lib/boot.js";
import { ExceptionList } from "../lib/exceptions.js";
import { open } from "../lib/shell.js";

/** @import { Frame } from "../types.js" */

/** What changes the list, as the filter language writes it. */
const FILTER = "kind:error or kind:deleted";

const asked = boot.asked ?? {};
const list = new ExceptionList({
  ask: (what) => get(`/exceptions${query(what)}`),
  service: asked.service ?? null,
  q: asked.q ?? null,
  sort: asked.sort ?? "-last_seen",
});
list.seed(boot.exceptions);

/** The address bar has what is shown, so that it can be shared. */
const remember = () =>
  history.replaceState(
    null,
    "",
    location.pathname +
      query({
        service: list.service,
        q: list.q,
        sort: list.sort === "-last_seen" ? null : list.sort,
      }),
  );

const Page = () => html`<${LinkNotice} />
  <header class="page-head">
    <h1>Exceptions</h1>
    <span class="sub">what handlers raised: one card for each failure, however often it came</span>
  </header>
  <section class="card clip-card" aria-label="Exceptions">
    <${Exceptions} list=${list} onChosen=${remember} />
  </section>`;

open(html`<${Page} />`).then((link) =>
  link.subscribe(
    "events",
    { filter: FILTER },
    Number(boot.seq ?? 0),
    {
      onFrame: (/** @type {Frame} */ frame) => {
        if (frame.events.length) list.noticed();
      },
      onRefused: () => list.noticed(),
    },
  ),
);
