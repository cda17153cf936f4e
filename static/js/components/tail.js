// @ts-check
/** The live tail: a windowed list of events with the one that is picked beside it. */

import { html } from "htm/preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { Preview, Untrusted } from "./bytes.js";
import { EventDetail } from "./event-detail.js";
import { Button, Icon, Segment } from "./kit.js";
import { moveInRows, useWindow } from "./window.js";
import { GROUPS, describe } from "../lib/events.js";
import { clock, number, plural } from "../lib/format.js";

/** @import { As } from "./bytes.js" */
/** @import { DeckEvent } from "../types.js" */
/** @import { Group, Line } from "../lib/events.js" */
/** @import { Tail as TailModel } from "../lib/tail.js" */

const ROW = 24;

/**
 * @param {{tail: TailModel, as?: As, withService?: boolean, empty?: any, onConnection?: (id: number) => void}} props
 */
export function Tail({ tail, as = "auto", withService = false, empty, onConnection }) {
  void tail.version.value;
  const rows = tail.shown;
  const view = useWindow(rows.length, ROW);
  const [picked, setPicked] = useState(/** @type {DeckEvent|null} */ (null));
  const settling = useRef(false);

  useLayoutEffect(() => {
    const list = view.ref.current;
    if (!list || tail.paused) return;
    settling.current = true;
    list.scrollTop = list.scrollHeight;
  });

  const onScroll = () => {
    view.onScroll();
    const list = view.ref.current;
    if (!list) return;
    const below = list.scrollHeight - list.scrollTop - list.clientHeight;
    if (below < ROW) tail.resume("scroll");
    else if (!settling.current) tail.pause("scroll");
    settling.current = false;
  };

  const pick = (/** @type {HTMLElement} */ row) => {
    const event = rows[Number(row.dataset["row"])];
    if (event) setPicked(event);
  };

  if (rows.length === 0 && empty) return html`<div class="tail">${empty}</div>`;
  return html`<div
    class=${`tail ${withService ? "with-service" : ""}`}
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Escape" && picked) setPicked(null);
      else moveInRows(event, { onEnter: pick });
    }}
  >
    <div
      class="tail-list"
      ref=${view.ref}
      role="list"
      aria-label="Events"
      tabindex=${rows.length ? -1 : 0}
      onScroll=${onScroll}
      onClick=${(/** @type {MouseEvent} */ event) => {
        const row = /** @type {HTMLElement|null} */ (
          /** @type {Element} */ (event.target).closest("[data-row]")
        );
        if (row && !getSelection()?.toString()) pick(row);
      }}
    >
      <div role="presentation" style=${{ height: `${view.before}px` }}></div>
      ${rows
        .slice(view.start, view.end)
        .map(
          (event, at) =>
            html`<${Row}
              key=${event.seq}
              event=${event}
              index=${view.start + at}
              as=${as}
              withService=${withService}
              picked=${picked?.seq === event.seq}
              last=${view.start + at === rows.length - 1}
            />`,
        )}
      <div role="presentation" style=${{ height: `${view.after}px` }}></div>
    </div>
    ${
      tail.missed > 0 &&
      html`<button type="button" class="btn small tail-more" onClick=${() => tail.resume()}>
        <${Icon} name="tail" />${plural(tail.missed, "new event")}
      </button>`
    }
    ${picked && html`<${EventDetail}
        event=${picked}
        onClose=${() => setPicked(null)}
        onConnection=${onConnection}
      />`}
  </div>`;
}

/**
 * @param {{
 *   event: DeckEvent,
 *   index: number,
 *   as: As,
 *   withService: boolean,
 *   picked: boolean,
 *   last: boolean,
 * }} props
 */
function Row({ event, index, as, withService, picked, last }) {
  return useMemo(() => {
    const line = describe(event);
    const common = {
      role: "listitem",
      "data-row": index,
      tabindex: picked || last ? 0 : -1,
      "aria-current": picked ? "true" : undefined,
    };
    if (event.kind === "events.dropped") {
      return html`<div class="tail-row hole" ...${common}>
        <span class="time">${clock(event.time)}</span
        ><span class="what"><${Parts} line=${line} as=${as} /></span>
      </div>`;
    }
    return html`<div class=${`tail-row ${line.alarm ? "bad" : ""}`} ...${common}>
      <span class="time">${clock(event.time)}</span>
      ${withService && html`<a
          class="svc clip"
          tabindex="-1"
          href=${event.service ? `/services/${event.service}` : undefined}
        >${event.service ?? ""}</a>`}
      <span class="id">${event.connection === null ? "" : `#${event.connection}`}</span>
      <span class=${`glyph ${line.tone}`}><${Icon} name=${line.glyph} class="small" /></span>
      <span class="kind clip">${line.word}</span>
      <span class="what"><${Parts} line=${line} as=${as} /></span>
    </div>`;
  }, [event, as, picked, last, index, withService]);
}

/** @param {{line: Line, as: As}} props */
const Parts = ({ line, as }) => html`
  ${line.parts.map((part) =>
    part.untrusted
      ? html`<${Untrusted} text=${part.text} class=${part.mono ? "clip" : "clip plain"} />`
      : html`<span class=${`${part.dim ? "dim" : ""} ${part.mono ? "mono" : ""}`}
          >${part.text}</span
        >`,
  )}
  ${line.payload && html`<${Preview}
      base64=${line.payload.base64}
      truncated=${line.payload.truncated}
      as=${as}
    />`}
`;

/**
 * What stands above a tail: which kinds, as what, pause, clear.
 * @param {{tail: TailModel, as: As, setAs: (as: As) => void}} props
 */
export function TailTools({ tail, as, setAs }) {
  void tail.version.value;
  const held = tail.paused === "button";
  return html`
    <div class="toggles" role="group" aria-label="Kinds of events shown">
      ${Object.entries(GROUPS).map(
        ([key, text]) =>
          html`<button
            type="button"
            key=${key}
            aria-pressed=${String(!tail.hidden.has(/** @type {Group} */ (key)))}
            onClick=${() => tail.toggle(/** @type {Group} */ (key))}
          >
            ${text}
          </button>`,
      )}
    </div>
    <${Segment} label="Payloads as" value=${as} options=${[
      { value: "auto", text: "Auto" },
      { value: "text", text: "Text" },
      { value: "hex", text: "Hex" },
    ]} onChange=${setAs} />
    <${Button}
        small
        icon=${held ? "play" : "pause"}
        kind=${held ? "primary" : ""}
        onClick=${() => (held ? tail.resume() : tail.pause("button"))}
      >${held ? `Go on${tail.missed ? `, ${number(tail.missed)} new` : ""}` : "Pause"}</${Button}>
    <${Button} small kind="quiet" onClick=${() => tail.clear()}>Clear</${Button}>
  `;
}

/**
 * Space holds and releases a tail, while its component stands.
 * @param {TailModel} tail
 * @param {import("../lib/keys.js").Keys} keys
 */
export function usePauseKey(tail, keys) {
  useEffect(
    () =>
      keys.bind(
        " ",
        "Pause or go on with the tail",
        (event) => {
          event.preventDefault();
          if (tail.paused === "button") tail.resume();
          else tail.pause("button");
        },
        "Events",
      ),
    [tail],
  );
}
