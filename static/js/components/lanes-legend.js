// @ts-check
/** What the shapes in the lanes mean. */

import { html } from "htm/preact";

/** @type {[string, string, string][]} */
const ENDS = [
  ["clean", "l-clean", "M6 1h2v10H6z"],
  ["cut by us", "l-cut", "M7 1l5 5-5 5-5-5z"],
  ["reset", "l-reset", "M3 2l8 8M11 2l-8 8"],
  ["error", "l-error", "M7 1l5 10H2z"],
];

const Shape = (/** @type {{children?: any}} */ { children }) =>
  html`<svg viewBox="0 0 14 12" aria-hidden="true">${children}</svg>`;

export const Legend = () => html`<div class="legend push">
  <span><${Shape}><rect class="l-wait" x="1" y="3.5" width="12" height="5" /></${Shape}>waiting</span>
  <span><${Shape}><rect class="l-fill" x="0.5" y="3" width="13" height="6" /></${Shape}>served</span>
  <span><${Shape}><rect class="l-base" x="0.5" y="7" width="13" height="5" /><path class="l-in" d="M4 1h2v6H4zM9 3h2v4H9z" /></${Shape}>in</span>
  <span><${Shape}><rect class="l-base" x="0.5" y="0" width="13" height="5" /><path class="l-out" d="M4 5h2v6H4zM9 5h2v4H9z" /></${Shape}>out</span>
  ${ENDS.map(
    ([name, kind, path]) =>
      html`<span><${Shape}><path class=${kind} d=${path} /></${Shape}>${name}</span>`,
  )}
</div>`;
