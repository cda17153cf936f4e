// @ts-check
/** What a page says while its live link is gone: since when, and that it will catch up. */

import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { Button, Notice } from "./kit.js";
import { link } from "./tools.js";
import { signInPath } from "../api.js";
import { now } from "../lib/clock.js";
import { clockSeconds, sentence } from "../lib/format.js";

const SHOWN_AFTER_MS = 1_000;

export function LinkNotice() {
  void now.value;
  const live = link.value;
  const state = live?.state.value;
  const gone = state !== undefined && state.is !== "connecting" && state.is !== "live";
  useEffect(() => {
    document.body.classList.toggle("stale", gone);
  }, [gone]);
  if (!live || !state || !gone || Date.now() - state.since < SHOWN_AFTER_MS) return null;
  if (state.is === "signed-out") {
    return html`<${Notice}
      tone="warn"
      urgent
      what="You are signed out."
      why=${`What stands here is as of ${clockSeconds(state.since)}; services go on meanwhile. Signing in leads back to this page.`}
      side=${html`<${Button} small kind="primary" href=${signInPath()}>Sign in again</${Button}>`}
    />`;
  }
  if (state.is === "refused") {
    return html`<${Notice}
      tone="warn"
      urgent
      what="The panel refused the live link."
      why=${`${sentence(state.why || "it did not say why")}.`}
      side=${html`<${Button} small onClick=${() => live.retry()}>Try again</${Button}>`}
    />`;
  }
  return html`<${Notice}
    tone="warn"
    urgent
    what=${`The live link was lost at ${clockSeconds(state.since)}.`}
    why="What stands here is as of then; how the services are now cannot be seen from here. It tries again by itself and catches up without a reload."
    side=${html`<${Button} small onClick=${() => live.retry()}>Try now</${Button}>`}
  />`;
}
