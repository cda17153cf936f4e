// @ts-check
/** How closely a service is watched at this moment, and a menu that changes it while it serves. */

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import { Menu } from "./menu.js";
import { toast, toastError } from "./toast.js";
import { call } from "../api.js";
import { age, now } from "../lib/clock.js";
import { LEVELS } from "../lib/definition.js";
import { duration } from "../lib/format.js";

/** @import { Service } from "../types.js" */

/** What level `auto` comes to, by why. @type {Record<string, string>} */
const BECAUSE = {
  quiet: "auto: all",
  "looked at": "auto: all, as you look",
  hot: "auto: counts only",
};

/** @param {{service: Service, put: (service: Service) => void}} props */
export function CaptureControl({ service, put }) {
  void now.value;
  const [busy, setBusy] = useState(false);
  const { effective, since, why } = service.status.capture;
  const level = service.capture.level;
  const change = async (/** @type {string} */ wanted) => {
    setBusy(true);
    try {
      const { body } = await call("PATCH", `/services/${service.name}`, {
        capture: { level: wanted },
      });
      put(body);
      toast({ text: `${service.name} is watched at level ${wanted} from now on` });
    } catch (error) {
      toastError(error, "Capture was not changed");
    }
    setBusy(false);
  };
  return html`<${Menu}
    icon="watch"
    kind=${`tag-like ${why === "hot" ? "warn" : ""}`}
    class="capture"
    label="What is recorded"
    text=${html`<span class="sr">Capture: </span>${BECAUSE[why] ?? effective}`}
  >
    ${(/** @type {() => void} */ close) => html`
      <p class="dim">
        ${
          why === "hot"
            ? `Counts only, for ${duration(age(since))}: more than 10,000 messages a second. All is recorded again once it is quieter.`
            : `${effective} for ${duration(age(since))}. A change acts on live connections at once.`
        }
      </p>
      <div class="menu-choices" role="radiogroup" aria-label="Level of capture">
        ${LEVELS.map(
          ({ value, text }) => html`<label class="check"
            ><input
              type="radio"
              name="capture-level"
              value=${value}
              checked=${value === level}
              disabled=${busy}
              onChange=${() => change(value).then(close)}
            /><span>${text}</span></label
          >`,
        )}
      </div>
    `}
  </${Menu}>`;
}
