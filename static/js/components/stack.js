// @ts-check
/** The Python stack of a connection's handler at this moment, when it is asked for. */

import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { get } from "../api.js";
import { Untrusted } from "./bytes.js";
import { CopyButton } from "./copy.js";
import { Button } from "./kit.js";
import { onTick } from "../lib/clock.js";
import { clock, sentence } from "../lib/format.js";
import { isLibrary, shortPath, standing } from "../lib/stack.js";

/** @import { Stack } from "../lib/stack.js" */

/** @param {{id: number, open: boolean}} props */
export function StackCard({ id, open }) {
  const [stack, setStack] = useState(/** @type {Stack|null} */ (null));
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const [repeats, setRepeats] = useState(false);
  const asking = useRef(false);
  const here = useRef(/** @type {HTMLElement|null} */ (null));

  const look = async (/** @type {boolean} */ shown) => {
    if (asking.current) return;
    asking.current = true;
    if (shown) setBusy(true);
    try {
      setStack(await get(`/connections/${id}/stack`));
      setProblem("");
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      setRepeats(false);
    }
    asking.current = false;
    setBusy(false);
    // The innermost frame is what one looks for.
    if (shown) requestAnimationFrame(() => here.current?.scrollIntoView({ block: "nearest" }));
  };
  useEffect(() => {
    if (!repeats || !open) return undefined;
    look(false);
    return onTick(() => {
      if (!document.hidden) look(false);
    });
  }, [repeats, open]);

  const frames = stack?.frames ?? [];
  return html`<section class="card" aria-label="Python stack now">
    <div class="card-head slim-head">
      <h2>Python stack now</h2>
      <span class="push"></span>
      ${
        open &&
        html`<label class="check small-check"
            ><input
              type="checkbox"
              checked=${repeats}
              onChange=${(/** @type {any} */ event) => setRepeats(event.currentTarget.checked)}
            />every second</label
          ><${Button}
            small
            icon="restart"
            busy=${busy}
            onClick=${() => look(true)}
          >${stack ? "Again" : "Look"}</${Button}>`
      }
    </div>
    <div class="card-body slim-body">
      ${problem && html`<p class="bad" role="alert">${sentence(problem)}</p>`}
      ${
        stack
          ? html`<p class="row stack-state">
                <span class=${frames.length ? "strong" : "dim"}>${standing(stack)}</span>
                ${frames.length > 0 && html`<span class="push"></span><${CopyButton} text=${stack.text} label="Copy the stack" />`}
              </p>
              ${
                frames.length > 0 &&
                html`<ol class="frames" tabindex="0" aria-label="Frames, outermost first">
                  ${frames.map(
                    (frame, at) =>
                      html`<li
                        key=${at}
                        ref=${at === frames.length - 1 ? here : undefined}
                        class=${`${at === frames.length - 1 ? "here" : ""} ${isLibrary(frame.file) ? "library" : ""}`}
                        aria-current=${at === frames.length - 1 ? "location" : undefined}
                      >
                        <div class="where" title=${frame.file}>
                          <span class="strong mono">${frame.function}</span>
                          <span class="mono faint clip">${shortPath(frame.file)}:${frame.line}</span>
                        </div>
                        ${frame.code && html`<div class="line"><${Untrusted} text=${frame.code} /></div>`}
                      </li>`,
                  )}
                </ol>`
              }
              <p class=${open ? "faint" : "dim"}>
                as of ${clock(stack.time)}${!open && ". It has ended since: no handler runs for it any more."}
              </p>`
          : !problem &&
            html`<p class="dim">
              ${open ? "Where its handler is in the code, at the moment you look." : "It has ended: no handler runs for it any more."}
            </p>`
      }
    </div>
  </section>`;
}
