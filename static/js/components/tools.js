// @ts-check
/** The right end of the header: search, the live link's lamp, theme, keys, sign-out. */

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import { signal } from "@preact/signals";
import { Button, Lamp } from "./kit.js";
import { ask } from "./dialog.js";
import { Search } from "./search.js";
import { toastError } from "./toast.js";
import { call, toSignIn } from "../api.js";
import { keys } from "../lib/keys.js";
import { clockSeconds } from "../lib/format.js";

/** @import { Live } from "../live.js" */

/** @type {import("@preact/signals").Signal<Live|null>} */
export const link = signal(null);

function LinkState() {
  const live = link.value;
  const state = live?.state.value;
  if (!live || !state || state.is === "connecting")
    return html`<span class="link-state" role="status"
      ><${Lamp} state="starting" />connecting</span
    >`;
  if (state.is === "live") {
    return html`<span
      class="link-state"
      role="status"
      title="The live link is up; the figure is a round trip to the panel"
    >
      <${Lamp} state="running" />live<span class="ms"
        >${state.latency === null ? "" : `${Math.max(1, Math.round(state.latency))} ms`}</span
      >
    </span>`;
  }
  return html`<button
    type="button"
    class="link-state lost"
    role="status"
    title=${state.is === "signed-out" ? "Sign in again" : "Try again now"}
    onClick=${() => (state.is === "signed-out" ? toSignIn() : live.retry())}
  >
    <${Lamp}
      state="failed"
    />${state.is === "lost" ? `lost ${clockSeconds(state.since)}` : state.is.replace("-", " ")}
  </button>`;
}

const THEMES = /** @type {const} */ (["auto", "light", "dark"]);
const THEME_ICONS = { auto: "auto", light: "sun", dark: "moon" };

function Theme() {
  const [theme, setTheme] = useState(() => document.documentElement.dataset["theme"] ?? "auto");
  const next = /** @type {typeof THEMES[number]} */ (
    THEMES[(THEMES.indexOf(/** @type {any} */ (theme)) + 1) % THEMES.length]
  );
  const turn = () => {
    setTheme(next);
    if (next === "auto") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = next;
    try {
      localStorage.setItem("socketdeck.theme", next);
    } catch {
      // Storage may be refused; it holds for this page.
    }
    document.dispatchEvent(new Event("themechange"));
  };
  const word = theme === "auto" ? "as the system" : theme;
  return html`<${Button}
    icon=${THEME_ICONS[/** @type {typeof THEMES[number]} */ (theme)]}
    kind="quiet"
    label=${`Theme: ${word}`}
    tip=${`Theme: ${word}`}
    tipClass="tip-down"
    onClick=${turn}
  />`;
}

export function showKeys() {
  const groups = [...new Set(keys.shortcuts.map((one) => one.group))];
  ask({
    title: "Keyboard",
    broad: true,
    body: groups.map(
      (group) =>
        html`<div class="stack" key=${group}>
          <span class="faint">${group}</span>
          <dl class="keys">
            ${keys.shortcuts
              .filter((one) => one.group === group)
              .map(
                (one) =>
                  html`<div>
                    <dd>${one.does}</dd>
                    <dt>
                      ${one.keys.split(one.keys === " " ? "|" : " ").map((key) => html` <kbd>${key === " " ? "space" : key}</kbd>`)}
                    </dt>
                  </div>`,
              )}
          </dl>
        </div>`,
    ),
    acts: [],
  });
}

async function signOut() {
  try {
    await call("DELETE", "/session");
  } catch (error) {
    toastError(error, "Signing out failed");
    return;
  }
  toSignIn();
}

export const Tools = () => html`
  <${Search} />
  <${LinkState} />
  <${Theme} />
  <${Button}
    icon="help"
    kind="quiet"
    label="Keyboard shortcuts"
    tip="Keys  ?"
    tipClass="tip-down"
    class="only-wide"
    onClick=${showKeys}
  />
  <${Button}
    icon="leave"
    kind="quiet"
    label="Sign out"
    tip="Sign out"
    tipClass="tip-down tip-end"
    onClick=${signOut}
  />
`;
