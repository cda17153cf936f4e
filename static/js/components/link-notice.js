// @ts-check
/** What a page says while its live link is gone: since when, and that it will catch up. */

import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { Button, Notice } from "./kit.js";
import { link } from "./tools.js";
import { now } from "../lib/clock.js";
import { clockSeconds } from "../lib/format.js";

const SHOWN_AFTER_MS = 1_000;

export function LinkNotice() {
  void now.value;
  const live = link.value;
  const state = live?.state.value;
  const gone = state !== undefined && (state.is === "refused" || state.is === "lost");
  useEffect(() => {
    document.body.classList.toggle("stale", gone);
  }, [gone]);
  if (!live || !state || !gone || Date.now() - state.since < SHOWN_AFTER_MS) return null;
  if (state.is === "refused") {
    return html`<${Notice}
      tone="warn"
      urgent
      what="The panel refused the live link."
      why=${state.why || "Load the page again, or sign in again."}
      side=${html`<${Button} small onClick=${() => location.reload()}>Load again</${Button}>`}
    />`;
  }
  return html`<${Notice}
    tone="warn"
    urgent
    what=${`The live link was lost at ${clockSeconds(state.since)}.`}
    why="What stands here is as of then. It tries again by itself and catches up without a reload; services go on meanwhile."
    side=${html`<${Button} small onClick=${() => live.retry()}>Try now</${Button}>`}
  />`;
}
