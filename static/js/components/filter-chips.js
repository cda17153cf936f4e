// @ts-check
/** A filter taken apart: a chip for each term, that a click removes or turns into its opposite. */

import { html } from "htm/preact";
import { Icon } from "./kit.js";
import { isNegated, pieces, turned, without } from "../lib/filter-text.js";
import { visibleText } from "../lib/payload.js";

/** A long filter is better read where it is written. */
const MOST = 40;

/** @param {{text: string, onApply: (text: string) => void}} props */
export function FilterChips({ text, onApply }) {
  const all = pieces(text);
  if (!all.length) return null;
  const more = all.filter((piece) => piece.is === "term").length - MOST;
  let terms = 0;
  return html`<ul class="chips" aria-label="Terms of the filter">
    ${all.map((piece, place) => {
      if (piece.is === "term") {
        terms += 1;
        if (terms > MOST) return null;
        const not = isNegated(all, place);
        return html`<li class=${`chip ${not ? "not" : ""}`} key=${place}>
          <button
            type="button"
            class="chip-turn"
            aria-label=${`${not ? "not " : ""}${piece.text}, ${not ? "ask for it" : "leave it out"}`}
            title=${not ? "Left out. Click: only such events" : "Click: leave such events out"}
            onClick=${() => onApply(turned(text, place))}
          >
            ${not && html`<b>not</b>${" "}`}<span class="clip"
              >${piece.field && html`<span class="chip-field">${piece.field}:</span>`}${visibleText(piece.value)}</span
            ></button
          ><button
            type="button"
            class="chip-remove"
            aria-label=${`Remove ${piece.text}`}
            title="Remove"
            onClick=${() => onApply(without(text, place))}
          >
            <${Icon} name="x" class="small" />
          </button>
        </li>`;
      }
      // A negated group says so itself; a negated term's chip does.
      const shown = piece.is === "or" || piece.is === "(" || piece.is === ")";
      const group = piece.is === "not" && all[place + 1]?.is === "(";
      if ((!shown && !group) || terms >= MOST) return null;
      return html`<li class="chip-joint" key=${place}>${piece.is}</li>`;
    })}
    ${more > 0 && html`<li class="chip-joint">and ${more} more</li>`}
  </ul>`;
}
