// @ts-check
/** Beside a form: the same definition as JSON and as a command. */

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import { Code } from "./code.js";
import { CopyButton } from "./copy.js";
import { Segment } from "./kit.js";
import { asCurl, terse } from "../lib/definition.js";

/** @param {{definition: Record<string, any>, edits?: string|null}} props */
export function SameAs({ definition, edits = null }) {
  const [as, setAs] = useState("json");
  const short = terse(definition);
  const text =
    as === "json" ? JSON.stringify(short, null, 2) : asCurl(short, location.origin, edits);
  return html`<aside class="card" aria-label="The same definition, for elsewhere">
    <div class="card-head">
      <h2>The same as</h2>
      <${Segment}
        label="The same as"
        value=${as}
        options=${[
          { value: "json", text: "JSON" },
          { value: "curl", text: "curl" },
        ]}
        onChange=${setAs}
      /><span class="push"></span
      ><${CopyButton}
        text=${text}
        label=${as === "json" ? "Copy the definition" : "Copy the command"}
      />
    </div>
    <div class="card-body stack">
      <${Code}
        text=${text}
        language=${as === "json" ? "json" : "shell"}
        label=${as === "json" ? "the definition" : "the command"}
        wrap
      />
      <p class="dim">
        ${as === "json" ? "Only what differs from the defaults." : html`<code>SOCKETDECK_TOKEN</code> holds the panel’s token.`}
      </p>
    </div>
  </aside>`;
}
