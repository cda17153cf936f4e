// @ts-check
/** What one does with the events shown: leave out kinds, hold, jump, take them along. */

import { html } from "htm/preact";
import { CopyButton } from "./copy.js";
import { Button, Icon, Segment } from "./kit.js";
import { Menu } from "./menu.js";
import { TimeJump } from "./time-jump.js";
import { GROUPS } from "../lib/events.js";
import { asCommand, asCurl, exportPath, pathOf } from "../lib/event-view.js";
import { clockSeconds, number, plural } from "../lib/format.js";

/** @import { As } from "./bytes.js" */
/** @import { Group } from "../lib/events.js" */
/** @import { View } from "../lib/event-view.js" */
/** @import { Scrollback } from "../lib/scrollback.js" */

/**
 * @param {{
 *   tail: Scrollback, view: View, as: As, setAs: (as: As) => void, onToggle: (group: Group) => void,
 *   onJump: (moment: string) => void, onNow: () => void,
 * }} props
 */
export function EventTools({ tail, view, as, setAs, onToggle, onJump, onNow }) {
  void tail.version.value;
  const held = tail.paused === "button";
  const back = held ? "Go on" : "Back to now";
  const news = tail.missed ? `, ${number(tail.missed)} new` : "";
  return html`<div class="tools">
    <div class="toggles" role="group" aria-label="Kinds of events shown">
      ${/** @type {[Group, string][]} */ (Object.entries(GROUPS)).map(
        ([group, text]) =>
          html`<button
            type="button"
            key=${group}
            aria-pressed=${String(!view.hidden.includes(group))}
            onClick=${() => onToggle(group)}
          >
            ${text}
          </button>`,
      )}
    </div>
    <${Segment}
      label="Payloads as"
      value=${as}
      options=${[
        { value: "auto", text: "Auto" },
        { value: "text", text: "Text" },
        { value: "hex", text: "Hex" },
      ]}
      onChange=${setAs}
    />
    <span class="push"></span>
    <${TimeJump} at=${view.at} onJump=${onJump} />
    ${
      tail.paused
        ? html`<${Button}
            small
            kind="primary"
            icon=${held ? "play" : "tail"}
            label=${back + news}
            onClick=${onNow}
            ><span class=${held ? "" : "back-words"}>${back}</span
            ><span class="back-count">${news}</span></${Button}
          >`
        : html`<${Button} small icon="pause" onClick=${() => tail.pause("button")}>Pause</${Button}>`
    }
  </div>`;
}

/**
 * Take along what is shown: its address, the commands that get it, a file of it.
 * @param {{tail: Scrollback, view: View}} props
 */
export function TakeAlong({ tail, view }) {
  void tail.version.value;
  const rows = tail.shown;
  const first = rows[0];
  const last = rows[rows.length - 1];
  const range = first && last ? { after: first.seq - 1, before: last.seq + 1 } : null;
  // What moves on is linked to as it is now; what is held, as it stands.
  const shown = { ...view, at: tail.paused ? (view.at ?? last?.time ?? null) : null };
  return html`<div class="row take">
    <${CopyButton} text=${location.origin + pathOf(shown)} label="Copy a link to this view"
      >Link</${CopyButton}
    >
    <${Menu} text="Command" icon="terminal" label="Commands that get the same">
      ${() => html`<div class="same">
        ${[
          { name: "curl", text: asCurl(shown, location.origin) },
          { name: "socketdeck", text: asCommand(shown, location.origin) },
        ].map(
          ({ name, text }) =>
            html`<div class="row" key=${name}>
                <span class="menu-head">${name}</span
                ><span class="faint">${shown.at === null ? "from now on" : "up to this moment"}</span
                ><span class="push"></span
                ><${CopyButton} text=${text} label=${`Copy the ${name} command`} />
              </div>
              <pre class="code wrap" tabindex="0" role="region" aria-label=${`the ${name} command`}>${text}</pre>`,
        )}
        <p class="dim"><code>SOCKETDECK_TOKEN</code> holds the panel’s token.</p>
      </div>`}
    </${Menu}>
    <${Menu} text="Export" icon="save" label="Export the events" class="at-end">
      ${(/** @type {() => void} */ close) => html`
        <div class="menu-head">What is shown</div>
        <p class="dim menu-text-line">
          ${range ? `${plural(rows.length, "event")}, ${clockSeconds(/** @type {any} */ (first).time)} to ${clockSeconds(/** @type {any} */ (last).time)}` : "nothing"}
        </p>
        ${range && html`<${Formats} view=${view} range=${range} of="what is shown" close=${close} />`}
        <div class="menu-head">All that match</div>
        <p class="dim menu-text-line">as far back as events are kept</p>
        <${Formats} view=${view} range=${null} of="all that match" close=${close} />
      `}
    </${Menu}>
  </div>`;
}

const FORMATS = /** @type {const} */ ([
  ["ndjson", "NDJSON, a line an event"],
  ["csv", "CSV, for a spreadsheet"],
]);

/**
 * @param {{
 *   view: View, range: {after: number, before: number}|null, of: string, close: () => void,
 * }} props
 */
const Formats = ({ view, range, of, close }) =>
  html`<div class="menu-list">
    ${FORMATS.map(
      ([format, text]) =>
        html`<a
          key=${format}
          href=${exportPath(view, format, range)}
          download
          aria-label=${`${text}: ${of}`}
          onClick=${() => setTimeout(close)}
          ><${Icon} name="file" />${text}</a
        >`,
    )}
  </div>`;
