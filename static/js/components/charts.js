// @ts-check
/**
 * What a service did over time: four charts under one crosshair, over a minute, a quarter of an hour or
 * a day. They are loaded once and then drawn on by the live link's statuses; the same is there to be read
 * as a table.
 */

import { html } from "htm/preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { get, query } from "../api.js";
import { Plot, inksOf } from "./chart-plot.js";
import { Button, Icon, Notice, Segment } from "./kit.js";
import { link } from "./tools.js";
import { onTick, serverNow } from "../lib/clock.js";
import { ChartModel, WINDOWS } from "../lib/charts.js";
import { clockMinutes, clockSeconds, duration, list, number, rate, size, span } from "../lib/format.js";
import { preference } from "../lib/memory.js";
import { isDatagram, schemeOf } from "../lib/states.js";

/** @import { Service } from "../types.js" */
/** @import { WindowName } from "../lib/charts.js" */
/** @import { Chart, Line, Inks } from "./chart-plot.js" */

/** A page that was hidden for longer asks for what it has not seen. */
const UNSEEN_SECONDS = 5;

/** Without the zeros that tell nothing. @param {(value: number) => string} show */
function briefly(show) {
  return (/** @type {number} */ value) => show(value).replace(/\.0+(?= |$)/, "");
}

/** @type {Chart[]} */
const CHARTS = [
  {
    key: "open",
    title: "Open connections",
    lines: [{ key: "open", name: "open", tone: "accent" }],
    as: "area",
    floor: 4,
    show: number,
    brief: number,
  },
  {
    key: "flow",
    title: "Throughput",
    lines: [
      { key: "bytes_in", name: "in", tone: "in" },
      { key: "bytes_out", name: "out", tone: "out", dash: [5, 3] },
    ],
    as: "line",
    floor: 100,
    show: rate,
    brief: briefly(size),
  },
  {
    key: "handling",
    title: "Handling time",
    lines: [
      { key: "p50", name: "p50", tone: "dim", dash: [1, 3] },
      { key: "p95", name: "p95", tone: "accent", dash: [5, 3] },
      { key: "p99", name: "p99", tone: "text" },
    ],
    as: "line",
    floor: 0,
    show: span,
    brief: briefly(span),
  },
  {
    key: "errors",
    title: "Errors",
    lines: [{ key: "errors", name: "errors", tone: "bad" }],
    as: "bars",
    floor: 2,
    show: number,
    brief: number,
  },
];

/** Whether the page knows what happens now. */
function isLinked() {
  const is = link.value?.state.value.is ?? "connecting";
  return is === "live" || is === "connecting";
}

/** @param {number|null} value @param {(value: number) => string} show */
const shown = (value, show) => (value === null ? "–" : show(value));

/**
 * The model of a window, kept up to date; null while nobody wants it.
 * @param {Service} service @param {WindowName} window @param {boolean} isWanted
 */
function useModel(service, window, isWanted) {
  const [model, setModel] = useState(/** @type {ChartModel|null} */ (null));
  const [version, setVersion] = useState(0);
  const [failed, setFailed] = useState("");
  const latest = useRef(service);
  latest.current = service;
  const linked = isLinked();
  const reload = useRef(async () => {});

  useEffect(() => {
    if (!isWanted) return undefined;
    const made = new ChartModel(window);
    let isOver = false;
    const changed = () => setVersion((before) => before + 1);
    const load = async (/** @type {number} */ after = 0) => {
      const { name } = latest.current;
      const asked = query({ window, after: after || null });
      try {
        const answer = await get(`/services/${name}/series${asked}`);
        if (isOver) return;
        made.load(answer, latest.current.status);
        setFailed("");
        setModel(made);
        changed();
      } catch (error) {
        if (!isOver && !after) setFailed(String(/** @type {Error} */ (error).message));
      }
    };
    reload.current = () => load();
    const end = onTick((at) => {
      const missed = at - made.to;
      if (!made.tick(at, isLinked() ? latest.current.status : null)) return;
      changed();
      if (missed > UNSEEN_SECONDS + made.step && !document.hidden && isLinked()) load();
      else if (isLinked()) {
        const minute = made.minuteToAsk();
        if (minute !== null) load(minute);
      }
    });
    load();
    return () => {
      isOver = true;
      end();
    };
  }, [window, isWanted]);

  const wasLinked = useRef(true);
  useEffect(() => {
    if (linked && !wasLinked.current) reload.current();
    wasLinked.current = linked;
  }, [linked]);

  const { latest: second } = service.status.handling;
  useEffect(() => {
    if (model?.note(service.status)) setVersion((before) => before + 1);
  }, [model, second?.second]);

  const current = isWanted && model?.window === window ? model : null;
  return { model: current, version, failed, reload: () => reload.current() };
}

/** On a screen lower than this, what happens now should not begin below its edge. */
const ROOMY_PX = 880;

/** @param {{service: Service}} props */
export function Charts({ service }) {
  const [window, setWindow] = useState(() => {
    const kept = preference.get("charts.window", "15m");
    return /** @type {WindowName} */ (kept in WINDOWS ? kept : "15m");
  });
  const [isOpen, setOpen] = useState(
    () => preference.get("charts.open", innerHeight >= ROOMY_PX) === true,
  );
  const [asTable, setTable] = useState(false);
  /** What the crosshair is at: a place in the lines; null: nothing. */
  const [at, setAt] = useState(/** @type {number|null} */ (null));
  const { model, version, failed, reload } = useModel(service, window, isOpen);
  const time = at === null ? undefined : model?.shown.times[at];
  const { words, pace } = WINDOWS[window];
  const charts = isDatagram(schemeOf(service.address))
    ? CHARTS.map((chart) => (chart.key === "open" ? { ...chart, title: "Open flows" } : chart))
    : CHARTS;
  const fold = () => {
    preference.set("charts.open", !isOpen);
    setOpen(!isOpen);
    setAt(null);
  };

  return html`<section class=${`card charts ${isOpen ? "" : "folded"}`} aria-label="Charts">
    <div class="card-head slim-head">
      <h2>
        <button type="button" class="fold-title" aria-expanded=${String(isOpen)} onClick=${fold}>
          <${Icon} name="right" class="small turns" />Charts</button
        ><span class="count"
          >${isOpen && (time === undefined ? words : `${pace} from ${clockSeconds(time * 1000)}, ${duration(serverNow() - time)} ago`)}</span
        >
      </h2>
      ${
        isOpen &&
        !model?.isEmpty &&
        html`<div class="row push">
          <${Segment}
            label="How far back"
            value=${window}
            options=${Object.entries(WINDOWS).map(([value, { text }]) => ({ value, text }))}
            onChange=${(/** @type {WindowName} */ to) => {
              preference.set("charts.window", to);
              setAt(null);
              setWindow(to);
            }}
          />
          <${Button}
            small
            kind="quiet"
            onClick=${() => setTable(!asTable)}
            disabled=${!model}
            >${asTable ? "As charts" : "As table"}</${Button}
          >
        </div>`
      }
    </div>
    ${isOpen && html`<${Body} ...${{ service, charts, model, version, failed, reload, asTable, at, setAt, words }} />`}
  </section>`;
}

/**
 * @param {{
 *   service: Service, charts: Chart[], model: ChartModel|null, version: number, failed: string, reload: () => void,
 *   asTable: boolean, at: number|null, setAt: (at: number|null) => void, words: string,
 * }} props
 */
function Body({ service, charts, model, version, failed, reload, asTable, at, setAt, words }) {
  if (failed && !model) {
    return html`<div class="charts-note">
      <${Notice}
        tone="warn"
        what="The charts could not be loaded."
        why=${failed}
        side=${html`<${Button} small onClick=${reload}>Try again</${Button}>`}
      />
    </div>`;
  }
  if (model?.isEmpty) {
    return html`<p class="charts-note dim">
      ${service.name} has not run yet. From its first start on, its connections, throughput, handling
      times and errors are drawn here, and kept for a day.
    </p>`;
  }
  if (asTable && model) return html`<${Table} model=${model} charts=${charts} />`;
  return html`<${Plots} ...${{ charts, model, version, at, setAt, words }} />`;
}

/**
 * @param {{
 *   charts: Chart[],
 *   model: ChartModel|null,
 *   version: number,
 *   at: number|null,
 *   setAt: (at: number|null) => void,
 *   words: string,
 * }} props
 */
function Plots({ charts, model, version, at, setAt, words }) {
  const place = useRef(/** @type {HTMLElement|null} */ (null));
  const plots = useRef(/** @type {Plot[]} */ ([]));
  const [mark, setMark] = useState(/** @type {{at: number, x: number, plot: number}|null} */ (null));
  const newest = useRef(model);
  newest.current = model;
  const draw = useRef(() => {});

  useLayoutEffect(() => {
    const box = /** @type {HTMLElement} */ (place.current);
    const places = /** @type {HTMLElement[]} */ ([...box.querySelectorAll(".plot")]);
    const probe = document.createElement("i");
    probe.hidden = true;
    box.append(probe);
    let inks = inksOf(probe);
    plots.current = charts.map(
      (chart, plot) =>
        new Plot(/** @type {HTMLElement} */ (places[plot]), chart, {
          inks: () => inks,
          onPoint: (to) => {
            setAt(to);
            const found = plots.current[plot]?.markAtPointer();
            setMark(found ? { ...found, plot } : null);
          },
        }),
    );
    let isInSight = true;
    let frame = 0;
    const paint = () => {
      frame = 0;
      const shownModel = newest.current;
      if (!isInSight || document.hidden || !shownModel) return;
      for (const one of plots.current) one.draw(shownModel);
    };
    draw.current = () => (frame ||= requestAnimationFrame(paint));
    const sized = new ResizeObserver(() => {
      plots.current.forEach((one, plot) => {
        const { clientWidth, clientHeight } = /** @type {HTMLElement} */ (places[plot]);
        if (clientWidth > 0) one.size(clientWidth, clientHeight);
      });
    });
    for (const one of places) sized.observe(one);
    const seen = new IntersectionObserver(([entry]) => {
      isInSight = entry?.isIntersecting ?? true;
      draw.current();
    });
    seen.observe(box);
    const onTheme = () => {
      inks = inksOf(probe);
      for (const one of plots.current) one.redraw();
    };
    const onVisible = () => draw.current();
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", onTheme);
    document.addEventListener("themechange", onTheme);
    document.addEventListener("visibilitychange", onVisible);
    return () => {
      cancelAnimationFrame(frame);
      sized.disconnect();
      seen.disconnect();
      scheme.removeEventListener("change", onTheme);
      document.removeEventListener("themechange", onTheme);
      document.removeEventListener("visibilitychange", onVisible);
      for (const one of plots.current) one.destroy();
      probe.remove();
    };
  }, []);

  useEffect(() => {
    draw.current();
  }, [model, version]);
  useEffect(() => {
    for (const one of plots.current) one.point(at);
  }, [at]);

  const onKey = (/** @type {KeyboardEvent} */ event) => {
    const last = (model?.shown.times.length ?? 0) - 1;
    const by = event.shiftKey ? 10 : 1;
    /** @type {Record<string, number|null>} */
    const to = {
      ArrowLeft: Math.max(0, (at ?? last + by) - by),
      ArrowRight: Math.min(last, (at ?? last) + by),
      Home: 0,
      End: last,
      Escape: null,
    };
    if (last < 0 || !(event.key in to)) return;
    if (event.key === "Escape" && at === null) return;
    event.preventDefault();
    event.stopPropagation();
    setAt(to[event.key] ?? null);
  };

  return html`<div
    class="plots"
    ref=${place}
    role="group"
    tabindex="0"
    aria-label="Charts: the arrow keys read them, point by point"
    onKeyDown=${onKey}
    onBlur=${() => setAt(null)}
  >
    ${charts.map(
      (chart, plot) => html`<figure class="chart" key=${chart.key}>
        <figcaption>
          <h3>${chart.title}</h3>
          <div class="reads">
            ${chart.lines.map(
              (line) => html`<${Read} key=${line.key} ...${{ chart, line, model, at }} />`,
            )}
          </div>
        </figcaption>
        <div class="plot" role="img" aria-label=${summary(chart, model, words)}></div>
        ${
          mark?.plot === plot &&
          html`<${MarkTip} at=${mark.at} x=${mark.x} />`
        }
      </figure>`,
    )}
    <p class="sr" aria-live="polite">${at !== null && model ? spoken(charts, model, at) : ""}</p>
  </div>`;
}

/** A line's value, with a sample of the line. @param {{chart: Chart, line: Line, model: ChartModel|null, at: number|null}} props */
function Read({ chart, line, model, at }) {
  const value = model ? readOf(line, model, at) : null;
  const name = chart.lines.length > 1 && line.name;
  return html`<span class="read"
    >${
      name &&
      html`<svg class=${`stroke ${line.tone}`} viewBox="0 0 16 4" aria-hidden="true">
          <path d="M0 2H16" stroke-dasharray=${line.dash?.join(" ")} /></svg
        ><span class="dim">${name}</span>`
    }<b>${shown(value, chart.show)}</b
    >${line.key === "errors" && at === null && html`<span class="dim">in all</span>`}</span
  >`;
}

/**
 * A line's value at a place or, where there is none, its newest; of errors all in the window.
 * @param {Line} line @param {ChartModel} model @param {number|null} at
 */
function readOf(line, model, at) {
  if (at !== null) return model.shown.lines[line.key][at] ?? null;
  return line.key === "errors" ? model.sum("errors") : model.last(line.key);
}

/** @param {{at: number, x: number}} props */
function MarkTip({ at, x }) {
  const tip = useRef(/** @type {HTMLElement|null} */ (null));
  useLayoutEffect(() => {
    const element = /** @type {HTMLElement} */ (tip.current);
    const most = (element.parentElement?.clientWidth ?? 0) - element.offsetWidth - 6;
    element.style.left = `${Math.max(6, Math.min(most, x - 20))}px`;
  });
  return html`<div class="chart-tip" ref=${tip}>
    The panel was restarted at <span class="mono">${clockSeconds(at * 1000)}</span>
  </div>`;
}

/** @param {Chart} chart @param {ChartModel|null} model @param {string} words */
function summary(chart, model, words) {
  if (!model) return `${chart.title}: loading`;
  const parts = chart.lines.map((line) => {
    const peak = model.peak(line.key);
    if (peak === null) return `${line.name}: nothing known`;
    if (line.key === "errors") return `${number(model.sum("errors"))} in all`;
    const now = shown(model.last(line.key), chart.show);
    return `${line.name} ${now}, at most ${chart.show(peak.value)} at ${clockMinutes(peak.at * 1000)}`;
  });
  const marks = model.restarts.map((at) => clockMinutes(at * 1000));
  const restarts = marks.length ? `; the panel was restarted at ${list(marks)}` : "";
  return `${chart.title} over ${words}: ${parts.join("; ")}${restarts}`;
}

/** @param {Chart[]} charts @param {ChartModel} model @param {number} at */
function spoken(charts, model, at) {
  const values = charts.flatMap((chart) =>
    chart.lines.map(
      (line) => `${line.name} ${shown(model.shown.lines[line.key][at] ?? null, chart.show)}`,
    ),
  );
  return `${clockSeconds((model.shown.times[at] ?? 0) * 1000)}: ${values.join(", ")}`;
}

/** @param {{model: ChartModel, charts: Chart[]}} props */
function Table({ model, charts }) {
  const { times } = model.shown;
  const places = [...times.keys()].reverse();
  const heads = charts.flatMap((chart) =>
    chart.lines.map((line) => ({
      chart,
      line,
      text: chart.lines.length > 1 ? `${chart.title}, ${line.name}` : chart.title,
    })),
  );
  return html`<div
    class="table-wrap charts-table"
    tabindex="0"
    role="region"
    aria-label="The charts as a table"
  >
    <table class="table">
      <thead>
        <tr>
          <th scope="col">From</th>
          ${heads.map(({ line, text }) => html`<th scope="col" class="n" key=${line.key}>${text}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${places.map(
          (place) => html`<tr key=${times[place]}>
            <td class="mono">${clockSeconds((times[place] ?? 0) * 1000)}</td>
            ${heads.map(
              ({ chart, line }) =>
                html`<td class="n" key=${line.key}>
                  ${shown(model.shown.lines[line.key][place] ?? null, chart.show)}
                </td>`,
            )}
          </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
