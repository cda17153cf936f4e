// @ts-check
/**
 * Search: a filter of the table on the overview, elsewhere a list of services and pages to go to.
 */

import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { signal } from "@preact/signals";
import { Icon, Lamp } from "./kit.js";
import { get } from "../api.js";
import { page } from "../lib/boot.js";
import { keys } from "../lib/keys.js";
import { shownAddress } from "../lib/states.js";

/** @import { Service } from "../types.js" */

/** What is searched for; the overview filters its table by it. */
export const searched = signal("");

const PLACES = [
  { text: "Overview", href: "/", icon: "right", words: "overview services home" },
  { text: "Connections", href: "/connections", icon: "right", words: "connections flows peers" },
  { text: "Events", href: "/events", icon: "right", words: "events log tail filter" },
  { text: "Exceptions", href: "/exceptions", icon: "right", words: "exceptions errors tracebacks" },
  { text: "New service", href: "/services/new", icon: "plus", words: "new service create add" },
  { text: "Handlers", href: "/handlers", icon: "right", words: "handlers catalogue" },
  { text: "API", href: "/api/docs", icon: "right", words: "api rest openapi docs" },
];

export function Search() {
  const input = useRef(/** @type {HTMLInputElement|null} */ (null));
  const [open, setOpen] = useState(false);
  const [services, setServices] = useState(/** @type {Service[]|null} */ (null));
  const [at, setAt] = useState(0);
  const inPlace = page === "overview";
  // A page with a filter of its own has the key for that.
  const hasKey = page !== "events";
  const text = searched.value.trim().toLowerCase();

  useEffect(() => {
    if (!hasKey) return undefined;
    return keys.bind("/", "Search", (event) => {
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    });
  }, []);

  const load = () => {
    setOpen(true);
    if (inPlace || services) return;
    get("/services?limit=500").then(
      (answer) => setServices(answer.items),
      () => setServices([]),
    );
  };

  const found = inPlace
    ? []
    : [
        ...(services ?? [])
          .filter((service) =>
            `${service.name} ${shownAddress(service)} ${service.handler ?? ""}`
              .toLowerCase()
              .includes(text),
          )
          .sort((a, b) => Number(b.name.includes(text)) - Number(a.name.includes(text)))
          .slice(0, 50)
          .map((service) => ({
            text: service.name,
            href: `/services/${service.name}`,
            state: service.status.state,
            more: shownAddress(service),
            icon: "",
          })),
        ...PLACES.filter((place) => text && place.words.includes(text)).map((place) => ({
          ...place,
          state: null,
          more: "",
        })),
      ];

  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape") {
      if (searched.value) searched.value = "";
      else input.current?.blur();
      setOpen(false);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (inPlace)
        /** @type {HTMLElement|null} */ (document.querySelector("tbody [data-row]"))?.focus();
      else
        setAt(
          (at + (event.key === "ArrowDown" ? 1 : -1) + found.length) % Math.max(1, found.length),
        );
    } else if (event.key === "Enter") {
      const row = inPlace
        ? /** @type {HTMLAnchorElement|null} */ (document.querySelector("tbody [data-row] a.name"))
        : null;
      const target = row?.href ?? found[at]?.href;
      if (target) location.assign(target);
    }
  };

  return html`<div
    class="search"
    role="search"
    onFocusOut=${(/** @type {FocusEvent} */ event) => {
      if (
        !(
          /** @type {Element} */ (event.currentTarget).contains(
            /** @type {Node|null} */ (event.relatedTarget),
          )
        )
      )
        setOpen(false);
    }}
  >
    <${Icon} name="search" />
    <input
      ref=${input}
      type="search"
      placeholder=${inPlace ? "Filter services" : "Search services"}
      aria-label=${inPlace ? "Filter services" : "Search services"}
      autocomplete="off"
      spellcheck="false"
      value=${searched.value}
      role=${inPlace ? undefined : "combobox"}
      aria-expanded=${inPlace ? undefined : String(open)}
      aria-controls=${inPlace ? undefined : "found"}
      onFocus=${load}
      onInput=${(/** @type {any} */ event) => {
        searched.value = event.target.value;
        setAt(0);
        setOpen(true);
      }}
      onKeyDown=${onKeyDown}
    />${hasKey && html`<kbd>/</kbd>`}
    ${
      open &&
      !inPlace &&
      html`<div class="found" id="found" role="listbox" aria-label="Found" tabindex="-1">
        ${services === null && html`<div class="none"><span class="skeleton"></span></div>`}
        ${services !== null && found.length === 0 && html`<div class="none">No service is called “${searched.value}”.</div>`}
        ${found.map(
          (one, index) =>
            html`<a
              href=${one.href}
              key=${one.href}
              role="option"
              aria-selected=${String(index === at)}
              onPointerMove=${() => setAt(index)}
            >
              ${one.state ? html`<${Lamp} state=${one.state} />` : html`<${Icon} name=${one.icon} />`}<span
                class="strong"
                >${one.text}</span
              >
              <span class="mono faint push clip">${one.more}</span>
            </a>`,
        )}
      </div>`
    }
  </div>`;
}
