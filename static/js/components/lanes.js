// @ts-check
/**
 * The lanes: time runs to the right, each connection is a bar from when it was opened, hollow while it
 * waits and filled while it is served; ticks above it are data in, below it data out, and its end tells
 * how it closed. One sees at a glance what sync, threads, a pool and children do with the same clients.
 */

import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "./kit.js";
import { LaneTip } from "./lane-tip.js";
import { listen } from "./lanes-input.js";
import { Legend } from "./lanes-legend.js";
import { paletteOf } from "./lanes-palette.js";
import { Stage } from "./lanes-stage.js";
import { link } from "./tools.js";
import { now as tick, serverNow, skew } from "../lib/clock.js";
import { clockSeconds, number } from "../lib/format.js";
import { keys } from "../lib/keys.js";
import { barInWords, boundOf, inWords, stretch } from "../lib/lane-words.js";
import { LANES } from "../lib/lanes.js";
import { isUp } from "../lib/states.js";

/** @import { Service } from "../types.js" */
/** @import { Bar, LaneModel } from "../lib/lanes.js" */
/** @import { Past } from "../lib/lane-past.js" */

const GROUP = "The lanes";

/** @param {{model: LaneModel, past: Past, service: Service}} props */
export function Lanes({ model, past, service }) {
  const canvas = useRef(/** @type {HTMLCanvasElement|null} */ (null));
  const stage = useRef(/** @type {Stage|null} */ (null));
  const [tall, setTall] = useState(false);
  const [marked, setMarked] = useState(/** @type {Bar|null} */ (null));
  // The view is the stage's: what is shown of it is told anew where it is another one.
  const [, retell] = useState(0);

  useEffect(() => {
    const element = canvas.current;
    if (!element) return undefined;
    const probe = document.createElement("i");
    probe.hidden = true;
    element.parentElement?.append(probe);
    const made = new Stage(element, model, {
      now: serverNow,
      still: matchMedia("(prefers-reduced-motion: reduce)").matches,
      palette: (ratio) => paletteOf(probe, ratio),
      byPid: service.concurrency === "forking",
    });
    stage.current = made;
    const onView = () => {
      past.want(made.view, (shown) => made.show(shown));
      made.wake();
      retell((count) => count + 1);
    };
    past.onLoaded = onView;
    const silence = listen(element, made, {
      onView,
      onMark: setMarked,
      onOpen: (bar, beside) => {
        if (beside) window.open(`/connections/${bar.id}`, "_blank", "noopener");
        else location.assign(`/connections/${bar.id}`);
      },
    });
    const refresh = () => made.refresh();
    const sized = new ResizeObserver(() => made.resize());
    sized.observe(element);
    const seen = new IntersectionObserver(([entry]) => made.see(entry?.isIntersecting ?? true));
    seen.observe(element);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", refresh);
    document.addEventListener("themechange", refresh);
    const ends = [
      keys.bind(
        " ",
        "Hold the lanes, or have them go on",
        (event) => {
          event.preventDefault();
          turn(made, onView);
        },
        GROUP,
      ),
      keys.note("← →", "Back in time, and forth", GROUP),
      keys.note("+ −", "Zoom", GROUP),
      keys.note("↑ ↓", "From bar to bar", GROUP),
      keys.note("Home", "Jump to now", GROUP),
    ];
    // For who looks at it with a program: what is drawn, and where.
    Object.assign(element, { stage: made });
    retell((count) => count + 1);
    return () => {
      ends.forEach((end) => end());
      silence();
      made.end();
      seen.disconnect();
      sized.disconnect();
      scheme.removeEventListener("change", refresh);
      document.removeEventListener("themechange", refresh);
      probe.remove();
    };
  }, [model]);

  void tick.value;
  const { connections, state } = service.status;
  const { waiting, open } = connections;
  // Without its link the page knows nothing of now: the picture stands at the moment it was lost.
  const lost = link.value?.state.value;
  const isLost = lost && lost.is !== "live" && lost.is !== "connecting";
  const made = stage.current;
  if (made) {
    const bound = boundOf(service);
    if (bound.name !== made.scene.bound.name) made.scene.bound = bound;
    made.scene.backlog = waiting.backlog;
    made.scene.limit = waiting.backlog_limit ?? null;
    made.scene.stoppedAt = isLost ? lost.since / 1000 + skew : null;
    made.dirty = true;
  }
  const view = made?.view;
  const resting = (made?.empty ?? true) && !isUp(state);
  const hidden = open > LANES ? open - (made?.live.open.length ?? 0) : 0;
  const again = () => {
    if (!made) return;
    past.want(made.view, (shown) => made.show(shown));
    made.wake();
    retell((count) => count + 1);
  };
  return html`<section
    class=${`card lanes ${resting ? "resting" : ""} ${tall ? "tall" : ""}`}
    aria-label="Lanes"
  >
    <div class="card-head slim-head">
      <h2>
        Lanes<span class="count"
          >${view && !view.follows ? `${clockSeconds(view.from * 1000)}, ${stretch(view.seconds)}` : `last ${stretch(view?.seconds ?? 30)}`}${hidden > 0 ? `, no room for ${number(hidden)} more` : ""}</span
        >
      </h2>
      <${Legend} />
      <div class="row">
        <${Button}
          small
          kind="quiet"
          icon="plus"
          label="Zoom in"
          onClick=${() => {
            view?.zoom(0.5);
            again();
          }}
        />
        <${Button}
          small
          kind="quiet"
          icon="minus"
          label="Zoom out"
          onClick=${() => {
            view?.zoom(2);
            again();
          }}
        />
        <${Button}
          small
          kind="quiet"
          icon=${tall ? "shrink" : "expand"}
          label=${tall ? "Make the lanes smaller" : "Make the lanes larger"}
          onClick=${() => setTall(!tall)}
        />
        <${Button}
          small
          kind=${view?.follows === false ? "primary" : "quiet"}
          icon=${view?.follows === false ? "play" : "pause"}
          label=${view?.follows === false ? "Go on with the lanes" : "Pause the lanes"}
          onClick=${() => made && turn(made, again)}
        />
      </div>
    </div>
    <div class="stage">
      <canvas
        ref=${canvas}
        tabindex="0"
        role="application"
        aria-roledescription="timeline"
        aria-label=${`Lanes of ${service.name}`}
        aria-describedby="lanes-words"
      ></canvas>
      ${
        view?.follows === false &&
        html`<${Button}
          small
          class="to-now"
          icon="play"
          onClick=${() => {
            view.follow();
            again();
          }}
        >Jump to now</${Button}>`
      }
      ${marked && made && html`<${LaneTip} bar=${marked} stage=${made} />`}
    </div>
    <p class="sr" id="lanes-words">${made ? inWords(service, made.live, serverNow(), view) : ""}</p>
    <p class="sr" role="status">${marked && made?.byKey ? barInWords(marked, serverNow()) : ""}</p>
  </section>`;
}

/** Hold what goes on, or go on with what is held. @param {Stage} stage @param {() => void} onView */
function turn({ view }, onView) {
  if (view.follows) view.hold();
  else view.follow();
  onView();
}
