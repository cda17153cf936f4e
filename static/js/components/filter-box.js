// @ts-check
/**
 * Where a filter is typed: a combobox (WAI-ARIA APG, list autocomplete with manual selection) with
 * the fields and values of the language, and what is wrong with the text marked in it.
 */

import { html } from "htm/preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon } from "./kit.js";
import { get } from "../api.js";
import { chosen, complete } from "../lib/completion.js";
import { checkFilter } from "../lib/filter-check.js";
import { sentence } from "../lib/format.js";
import { keys } from "../lib/keys.js";

/** @import { Field, Option } from "../lib/completion.js" */
/** @import { Wrong } from "../lib/filter-check.js" */

/** One has stopped typing. */
const CHECK_AFTER_MS = 250;
/** A longer text may be wrong where the field does not show it. */
const IN_SIGHT = 60;

/** @type {Promise<Field[]>|null} */
let asked = null;
/** The fields of the language, asked for once. */
function askFields() {
  asked ??= Promise.all([get("/events/fields"), get("/services?limit=500")]).then(
    ([fields, services]) => {
      const names = services.items.map((/** @type {{name: string}} */ one) => one.name);
      return fields.items.map((/** @type {Field} */ field) =>
        field.name === "service" ? { ...field, values: field.values ?? names } : field,
      );
    },
    () => {
      asked = null;
      return [];
    },
  );
  return asked;
}

/**
 * @param {{text: string, recent: string[], onApply: (text: string) => void}} props  `text` is the
 *   filter that is applied; `onApply` is called with texts that the server takes
 */
export function FilterBox({ text, recent, onApply }) {
  const input = useRef(/** @type {HTMLInputElement|null} */ (null));
  const paint = useRef(/** @type {HTMLDivElement|null} */ (null));
  const place = useRef(/** @type {number|null} */ (null));
  const [draft, setDraft] = useState(text);
  const [caret, setCaret] = useState(text.length);
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(-1);
  const [fields, setFields] = useState(/** @type {Field[]} */ ([]));
  const [wrong, setWrong] = useState(/** @type {Wrong|null} */ (null));
  const isApplied = draft.trim() === text.trim();

  useEffect(() => {
    setDraft(text);
    checkFilter(text).then(({ wrong: found }) => setWrong(found), () => setWrong(null));
  }, [text]);

  useEffect(
    () =>
      keys.bind("/", "Write a filter", (event) => {
        event.preventDefault();
        input.current?.focus();
        input.current?.select();
      }, "Events"),
    [],
  );

  useEffect(() => {
    if (isApplied) return undefined;
    let isOver = false;
    const timer = setTimeout(() => {
      checkFilter(draft).then(
        ({ wrong: found }) => {
          // What is wrong at the end is not yet written.
          const isUnfinished = found && found.end >= draft.trimEnd().length;
          if (!isOver && !isUnfinished) setWrong(found);
        },
        () => {},
      );
    }, CHECK_AFTER_MS);
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [draft, isApplied]);

  useLayoutEffect(() => {
    if (place.current === null) return;
    input.current?.setSelectionRange(place.current, place.current);
    place.current = null;
  }, [draft]);

  const found = complete(draft, caret, fields);
  const past = draft.trim() ? [] : recent;
  const options = [
    ...past.map((one) => ({ text: one, label: one, more: "used before", start: 0, end: draft.length })),
    ...found.options,
  ];
  const isOpen = open && (options.length > 0 || found.field !== null);
  const active = at >= 0 && at < options.length ? at : -1;

  const look = () => {
    setCaret(input.current?.selectionStart ?? draft.length);
    setAt(-1);
  };
  const change = (/** @type {string} */ next, /** @type {number} */ where) => {
    place.current = where;
    setDraft(next);
    setCaret(where);
    setAt(-1);
    setWrong(null);
  };

  const apply = async (/** @type {string} */ wanted) => {
    setOpen(false);
    try {
      const verdict = await checkFilter(wanted);
      setWrong(verdict.wrong);
      if (verdict.wrong === null) onApply(wanted.trim());
    } catch (error) {
      setWrong({ detail: /** @type {Error} */ (error).message, start: 0, end: 0 });
    }
  };

  const choose = (/** @type {Option} */ option) => {
    if (past.includes(option.text) && option.more === "used before") {
      change(option.text, option.text.length);
      apply(option.text);
      return;
    }
    const next = chosen(draft, option);
    change(next.text, next.caret);
    input.current?.focus();
  };

  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!isOpen) {
        setOpen(true);
        return;
      }
      const step = event.key === "ArrowDown" ? 1 : -1;
      const count = options.length + 1; // none is one of them: the text as it is typed
      setAt(((active + 1 + step + count) % count) - 1);
    } else if (event.key === "Enter" || (event.key === "Tab" && isOpen && active >= 0)) {
      event.preventDefault();
      const option = options[active];
      if (isOpen && option) choose(option);
      else apply(draft);
    } else if (event.key === "Escape") {
      event.preventDefault();
      if (isOpen) setOpen(false);
      else if (!isApplied) change(text, text.length);
      else input.current?.blur();
    }
  };

  const show = (/** @type {Wrong} */ bad) => {
    input.current?.focus();
    input.current?.setSelectionRange(bad.start, Math.max(bad.end, bad.start));
  };

  return html`<div
      class=${`filter-box ${wrong ? "wrong" : ""} ${isApplied ? "" : "changed"}`}
      role="search"
      aria-label="Filter"
      onFocusOut=${(/** @type {FocusEvent} */ event) => {
        const box = /** @type {Element} */ (event.currentTarget);
        if (!box.contains(/** @type {Node|null} */ (event.relatedTarget))) setOpen(false);
      }}
    >
      <${Icon} name="filter" />
      <div class="filter-text">
        <div class="filter-paint" ref=${paint} aria-hidden="true">
          ${wrong && html`${draft.slice(0, wrong.start)}<mark class=${wrong.end > wrong.start ? "" : "here"}
              >${draft.slice(wrong.start, wrong.end) || " "}</mark
            >${draft.slice(wrong.end)}`}
        </div>
        <input
          ref=${input}
          type="text"
          role="combobox"
          aria-label="Filter the events"
          aria-autocomplete="list"
          aria-expanded=${String(isOpen)}
          aria-controls="filter-options"
          aria-activedescendant=${isOpen && active >= 0 ? `filter-option-${active}` : undefined}
          aria-invalid=${wrong ? "true" : undefined}
          aria-describedby=${wrong ? "filter-wrong" : undefined}
          placeholder=${'service:echo -kind:data peer:10.0.0.0/8 length:>1KiB "GET /"'}
          autocomplete="off"
          autocapitalize="off"
          spellcheck=${false}
          maxlength="10000"
          enterkeyhint="go"
          value=${draft}
          onFocus=${() => {
            askFields().then(setFields);
            look();
          }}
          onClick=${() => {
            setOpen(true);
            look();
          }}
          onInput=${(/** @type {any} */ event) => {
            setDraft(event.target.value);
            setCaret(event.target.selectionStart);
            setAt(-1);
            setWrong(null);
            setOpen(true);
          }}
          onKeyUp=${(/** @type {KeyboardEvent} */ event) => {
            if (["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) look();
          }}
          onKeyDown=${onKeyDown}
          onScroll=${(/** @type {any} */ event) => {
            if (paint.current) paint.current.scrollLeft = event.target.scrollLeft;
          }}
        />
      </div>
      ${!isApplied && html`<button type="button" class="btn small primary" onClick=${() => apply(draft)}>
          Apply<kbd aria-hidden="true">↵</kbd>
        </button>`}
      ${
        draft &&
        html`<button
          type="button"
          class="btn small quiet only"
          aria-label="Clear the filter"
          onClick=${() => {
            change("", 0);
            input.current?.focus();
            if (text) onApply("");
          }}
        >
          <${Icon} name="x" />
        </button>`
      }
      ${!draft && html`<kbd class="only-wide" aria-hidden="true">/</kbd>`}
      ${isOpen && html`<${Options}
          options=${options}
          active=${active}
          field=${found.field}
          choose=${choose}
          setAt=${setAt}
        />`}
    </div>
    ${wrong && html`<${WrongPlace} wrong=${wrong} text=${draft} show=${show} />`}`;
}

/**
 * @param {{
 *   options: Option[], active: number, field: Field|null, choose: (option: Option) => void,
 *   setAt: (at: number) => void,
 * }} props
 */
function Options({ options, active, field, choose, setAt }) {
  const list = useRef(/** @type {HTMLElement|null} */ (null));
  useLayoutEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [active]);
  // The pointer must not take the focus from the text.
  const keepFocus = (/** @type {Event} */ event) => event.preventDefault();
  return html`<div class="filter-found" onMouseDown=${keepFocus}>
    <ul id="filter-options" role="listbox" aria-label="What may be meant" ref=${list}>
      ${options.map(
        (option, place) =>
          html`<li
            key=${`${option.label} ${option.more}`}
            id=${`filter-option-${place}`}
            role="option"
            aria-selected=${String(place === active)}
            onPointerMove=${() => setAt(place)}
            onClick=${() => choose(option)}
          >
            <span class="mono clip">${option.label}</span
            ><span class="faint clip">${option.more}</span>
          </li>`,
      )}
    </ul>
    <div class="filter-hint faint">
      ${
        field
          ? html`<span><b class="mono">${field.name}</b> ${field.description}</span
              >${field.example && html`<span class="mono">${field.name}:${field.example}</span>`}`
          : html`<span>words side by side must all hold: <code>or</code>, <code>not</code>, <code>-</code> and brackets</span
              ><span class="only-wide"><kbd>↓</kbd> choose <kbd>↵</kbd> apply</span>`
      }
    </div>
  </div>`;
}

/** @param {{wrong: Wrong, text: string, show: (wrong: Wrong) => void}} props */
function WrongPlace({ wrong, text, show }) {
  const around = 30;
  const from = Math.max(0, wrong.start - around);
  const to = Math.min(text.length, wrong.end + around);
  return html`<div class="filter-wrong" id="filter-wrong" role="alert">
    <${Icon} name="warn" class="small" />
    <div class="grow">
      ${sentence(wrong.detail)}.
      ${
        text.length > IN_SIGHT &&
        wrong.end > wrong.start &&
        html`<button type="button" class="mono clip" onClick=${() => show(wrong)}>
          <span class="sr">Show the place in the filter: </span>${from > 0 ? "…" : ""}${text.slice(from, wrong.start)}<mark
            >${text.slice(wrong.start, wrong.end)}</mark
          >${text.slice(wrong.end, to)}${to < text.length ? "…" : ""}
        </button>`
      }
    </div>
  </div>`;
}
