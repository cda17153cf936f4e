// @ts-check
/** Where a reader says to which moment the tail is to go. */

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import { Button } from "./kit.js";
import { Menu } from "./menu.js";
import { serverNow } from "../lib/clock.js";
import { localInput } from "../lib/format.js";

const AGO = /** @type {const} */ ([
  [60, "1 minute ago"],
  [300, "5 minutes ago"],
  [3_600, "1 hour ago"],
  [86_400, "1 day ago"],
]);

/** @param {{at: string|null, onJump: (moment: string) => void}} props  moments as RFC 3339 */
export const TimeJump = ({ at, onJump }) =>
  html`<${Menu} text="Jump to" icon="clock" label="Jump to a time">
    ${(/** @type {() => void} */ close) =>
      html`<${Panel}
        at=${at}
        onJump=${(/** @type {string} */ moment) => {
          onJump(moment);
          close();
        }}
      />`}
  </${Menu}>`;

/** @param {{at: string|null, onJump: (moment: string) => void}} props */
function Panel({ at, onJump }) {
  const [text, setText] = useState(() => localInput(at ?? serverNow() * 1000));
  const when = new Date(text);
  const isMoment = !Number.isNaN(when.getTime());
  return html`<form
      class="menu-form"
      onSubmit=${(/** @type {Event} */ event) => {
        event.preventDefault();
        if (isMoment) onJump(when.toISOString());
      }}
    >
      <label class="field"
        ><span class="label">Time, on this machine’s clock</span>
        <input
          class="input"
          type="datetime-local"
          step="1"
          value=${text}
          onInput=${(/** @type {any} */ event) => setText(event.target.value)}
      /></label>
      <${Button} small kind="primary" type="submit" disabled=${!isMoment}>Go there</${Button}>
    </form>
    <div class="menu-list">
      ${AGO.map(
        ([seconds, words]) =>
          html`<button
            type="button"
            key=${seconds}
            onClick=${() => onJump(new Date((serverNow() - seconds) * 1000).toISOString())}
          >
            ${words}
          </button>`,
      )}
    </div>`;
}
