// @ts-check
/** What every page starts with: the header's tools, dialogs, toasts, keys, and the live link. */

import { html, render } from "htm/preact";
import { Dialogs } from "../components/dialog.js";
import { Toasts } from "../components/toast.js";
import { Tools, link, showKeys } from "../components/tools.js";
import { live } from "../live.js";
import { keys } from "./keys.js";

/** Put a component in the place of what the server drew. @param {string} id @param {any} tree */
export function mount(id, tree) {
  const place = document.getElementById(id);
  if (!place) return;
  place.textContent = "";
  render(tree, place);
}

/** @param {string} href */
const go = (href) => () => location.assign(href);

/**
 * Draw the page and open its live link.
 * @param {any} tree the page's own component, for #root
 * @returns {Promise<import("../live.js").Live>}
 */
export function open(tree) {
  keys.bind("g o", "Go to the overview", go("/"));
  keys.bind("g s", "Go to the services", go("/"));
  keys.bind("g c", "Go to the connections", go("/connections"));
  keys.bind("g e", "Go to the events", go("/events"));
  keys.bind("g x", "Go to the exceptions", go("/exceptions"));
  keys.bind("g h", "Go to the handlers", go("/handlers"));
  keys.bind("n", "New service", go("/services/new"));
  keys.bind("?", "This list", showKeys);
  keys.bind("j", "Into the table", () =>
    /** @type {HTMLElement|null} */ (
      document.querySelector("tbody [data-row], .tail [data-row]")
    )?.focus(),
  );
  keys.note("↑ ↓", "Move in a table", "Everywhere");
  keys.note("Enter", "Open the row", "Everywhere");
  keys.note("Escape", "Close, leave, clear", "Everywhere");
  document.addEventListener("keydown", (event) => keys.handle(event));
  mount("tools", html`<${Tools} />`);
  mount("overlay", html`<${Dialogs} /><${Toasts} />`);
  mount("root", tree);
  return live().then((opened) => {
    link.value = opened;
    return opened;
  });
}
