// @ts-check
/** What handlers raised: a card for each failure, however often it came. */

import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Untrusted } from "./bytes.js";
import { ExceptionBytes } from "./exception-bytes.js";
import { CopyButton } from "./copy.js";
import { Button, Empty, Icon, Notice, Segment } from "./kit.js";
import { toast, toastError } from "./toast.js";
import { call } from "../api.js";
import { age, now } from "../lib/clock.js";
import { SORTS, lately, shortPath, tracebackLines } from "../lib/exceptions.js";
import { duration, moment, number, plural, sentence } from "../lib/format.js";

/** @import { ExceptionList, Sort } from "../lib/exceptions.js" */
/** @import { ExceptionGroup, Service } from "../types.js" */

const TYPING_MS = 250;
const LINKS = 5;
/** Seconds for which one that was never seen before is marked as new. */
const NEW_FOR = 900;
/** Characters of a message on its card; the traceback has all of it. */
const MESSAGE = 600;
const BARS = 20;
/** Pixels of it that are to be in sight where a link led here. */
const IN_SIGHT = 160;

/**
 * The list with its tools; `since` is when the service on show started, where it is one.
 * @param {{list: ExceptionList, since?: string|null, onChosen?: () => void}} props
 */
export function Exceptions({ list, since = null, onChosen = () => {} }) {
  void list.version.value;
  const body = useRef(/** @type {HTMLElement|null} */ (null));
  useEffect(() => {
    list.watch(true);
    return () => list.watch(false);
  }, []);
  const ready = list.state === "ready" || list.state === "failed";
  useEffect(() => {
    const top = body.current?.getBoundingClientRect().top ?? 0;
    if (ready && top > innerHeight - IN_SIGHT) body.current?.scrollIntoView({ block: "start" });
  }, [ready]);
  const choose = (/** @type {any} */ change) => {
    list.choose(change);
    onChosen();
  };
  const release = () => list.hold(isHeld(body.current));
  const some = list.shown.length > 0 || list.q;
  return html`<div
    class="excs"
    ref=${body}
    onPointerEnter=${(/** @type {PointerEvent} */ event) => event.pointerType === "mouse" && list.hold(true)}
    onPointerLeave=${() => list.hold(hasFocus(body.current))}
    onFocusIn=${() => list.hold(true)}
    onFocusOut=${() => queueMicrotask(release)}
  >
    ${some && html`<${ExceptionTools} list=${list} since=${since} choose=${choose} />`}
    <${ExceptionCards} list=${list} choose=${choose} />
  </div>`;
}

/** @param {HTMLElement|null} part */
const hasFocus = (part) => Boolean(part?.contains(document.activeElement));
/** @param {HTMLElement|null} part */
const isHeld = (part) => hasFocus(part) || Boolean(part?.matches(":hover"));

/** When a service started, where it runs. @param {Service} service */
export const startOf = ({ status }) =>
  status.state === "running" || status.state === "suspended" ? status.since : "";

/**
 * How many a service has, for its tab; in the colour of faults where one was seen since its start.
 * @param {ExceptionList} list
 * @param {Service} service
 */
export function exceptionCount(list, service) {
  void list.version.value;
  if (list.total === 0) return undefined;
  const start = startOf(service);
  const recent = Boolean(start && list.newest && list.newest >= start);
  return html`<span
    class=${recent ? "bad strong" : ""}
    title=${recent ? "seen since it started" : "seen before it started"}
    >${number(list.count)}</span
  >`;
}

/** @param {{list: ExceptionList, since: string|null, choose: (change: any) => void}} props */
function ExceptionTools({ list, since, choose }) {
  const [q, setQ] = useState(list.q ?? "");
  const timer = useRef(0);
  const recent = since ? list.shown.filter((one) => one.last_seen >= since).length : 0;
  return html`<div class="tools exc-tools">
    <label class="exc-search"
      ><${Icon} name="search" class="small" /><input
        type="search"
        class="input slim"
        placeholder="Type, message, file"
        aria-label="Search the exceptions"
        value=${q}
        maxlength="256"
        onInput=${(/** @type {any} */ event) => {
          setQ(event.target.value);
          clearTimeout(timer.current);
          const text = event.target.value.trim();
          timer.current = setTimeout(() => choose({ q: text || null }), TYPING_MS);
        }}
    /></label>
    <${Segment}
      label="Order"
      value=${list.sort}
      options=${SORTS}
      onChange=${(/** @type {Sort} */ sort) => choose({ sort })}
    />
    ${
      list.service !== null &&
      since === null &&
      html`<span class="tag accent"
        >of ${list.service}<button
          type="button"
          aria-label="Show all services"
          onClick=${() => choose({ service: null })}
        >
          <${Icon} name="x" class="small" /></button
      ></span>`
    }
    <span class="push faint exc-total" role="status"
      >${plural(list.count, "exception")}${
        since !== null && recent > 0 && `, ${recent === list.count ? "all" : number(recent)} since the start`
      }${
        list.displaced > 0 &&
        html`<span
          title="1,000 are kept: what was not seen for longest made way for newer ones, or a flood of different ones left no room"
          >, ${number(list.displaced)} more made way</span
        >`
      }</span
    >
    ${
      list.waiting > 0 &&
      html`<button type="button" class="btn small primary" onClick=${() => list.settle()}>
        ${plural(list.waiting, "new one", "new ones")}
      </button>`
    }
  </div>`;
}

/** @param {{list: ExceptionList, choose: (change: any) => void}} props */
function ExceptionCards({ list, choose }) {
  const shown = list.shown;
  if (shown.length > 0) {
    return html`<ol class="exc-list" aria-label="Exceptions">
        ${shown.map((group) => html`<li key=${group.id}><${Card} group=${group} list=${list} /></li>`)}
      </ol>
      ${list.next && html`<${More} list=${list} left=${list.count - shown.length} />`}`;
  }
  if (list.state === "failed") {
    return html`<div class="exc-note"><${Notice}
        tone="bad"
        urgent
        what="The exceptions could not be read."
        why=${sentence(list.why)}
        side=${html`<${Button} small onClick=${() => list.load()}>Try again</${Button}>`}
      /></div>`;
  }
  if (list.state !== "ready") {
    return html`<div class="exc-note" role="status" aria-label="Loading">
      <span class="skeleton"></span>
    </div>`;
  }
  if (list.q) {
    return html`<${Empty} title="Nothing like that" text="No exception has that in its type, its message, its traceback or the name of its service.">
      <${Button} onClick=${() => choose({ q: null })}>Show all</${Button}></${Empty}>`;
  }
  return html`<${Empty}
    title="No handler has raised"
    text=${html`When one does, it appears here: the line of your code it came from, how often and on
    which connections it was raised, and the last bytes that had come in.`}
  />`;
}

/** @param {{list: ExceptionList, left: number}} props */
function More({ list, left }) {
  const [busy, setBusy] = useState(false);
  const more = async () => {
    setBusy(true);
    await list.more().catch((error) => toastError(error, "The next ones could not be read"));
    setBusy(false);
  };
  return html`<div class="exc-more"><${Button} busy=${busy} onClick=${more}>Show ${number(Math.min(50, left))} more of ${number(left)}</${Button}></div>`;
}

/** @param {{group: ExceptionGroup, list: ExceptionList}} props */
function Card({ group, list }) {
  const { place } = group;
  const isNew = age(group.first_seen) < NEW_FOR;
  const events = `/events?filter=${encodeURIComponent(`service:${group.service} kind:error`)}`;
  return html`<article class="exc" aria-labelledby=${`exc-${group.id}`}>
    <header class="exc-head">
      <span class="exc-sign" aria-hidden="true"><${Icon} name="warn" /></span>
      <h2 id=${`exc-${group.id}`}>
        <span class="exc-type mono"><${Untrusted} text=${group.type} class="plain" /></span>
        ${group.message && html`<span class="exc-message"><${Untrusted} text=${group.message.slice(0, MESSAGE)} class="plain" />${group.message.length > MESSAGE && html`<span class="faint"> …</span>`}</span>`}
      </h2>
      ${isNew && html`<span class="tag accent">new</span>`}
      ${list.service === null && html`<a class="tag" href=${`/services/${group.service}#exceptions`}>${group.service}</a>`}
    </header>
    <div class="exc-side">
      <p class="exc-count">
        <strong>${number(group.count)}</strong> ${group.count === 1 ? "time" : "times"}
      </p>
      <${Activity} activity=${group.activity} />
      <dl class="exc-times">
        <dt>Last</dt>
        <dd><${Ago} when=${group.last_seen} /></dd>
        <dt>First</dt>
        <dd><${Ago} when=${group.first_seen} /></dd>
      </dl>
    </div>
    <div class="exc-body">
      ${
        place &&
        html`<div class="exc-place">
          <p class="mono">
            <span class="exc-file" title=${place.file}><${Untrusted} text=${shortPath(place.file)} /></span
            ><span class="faint">, line ${place.line}</span>${place.function && html`<span class="faint">, in </span><${Untrusted} text=${place.function} />`}
            ${!place.own && html`<span class="tag" title="None of its frames is in a handler's own code">library</span>`}
          </p>
          ${place.code && html`<pre class="code exc-line"><span class="exc-number">${place.line}</span><${Untrusted} text=${place.code} /></pre>`}
        </div>`
      }
      <dl class="exc-facts">
        ${
          group.cause &&
          html`<dt>Came from</dt>
            <dd><${Cause} cause=${group.cause} /></dd>`
        }
        <dt>Last bytes in</dt>
        <dd><${ExceptionBytes} group=${group} /></dd>
        <dt>${plural(group.connections.length, "Connection").replace(/^[\d,]+ /, "")}</dt>
        <dd><${Connections} group=${group} /></dd>
      </dl>
    </div>
    <footer class="exc-foot">
      ${group.traceback ? html`<${Traceback} text=${group.traceback} place=${place} />` : html`<span class="faint exc-none">It has no traceback: nothing of the handler was left to make one.</span>`}
      <div class="row exc-acts">
        ${group.traceback && html`<${CopyButton} text=${group.traceback} label="Copy the traceback" >Copy</${CopyButton}>`}
        <${Button} small icon="text" href=${events} label=${`Events of ${group.service} with errors`}>Events</${Button}>
        <${Button} small icon="trash" onClick=${() => forget(group, list)}>Forget</${Button}>
      </div>
    </footer>
  </article>`;
}

/** @param {{cause: NonNullable<ExceptionGroup["cause"]>}} props */
function Cause({ cause: { type, place } }) {
  return html`<span class="exc-cause"
    ><span class="mono strong"><${Untrusted} text=${type} /></span>
    <span class="mono dim" title=${place.file}
      ><${Untrusted} text=${shortPath(place.file)} />, line ${place.line}</span
    >
    ${place.code && html`<code><${Untrusted} text=${place.code} /></code>`}</span
  >`;
}

/** @param {{when: string}} props */
function Ago({ when }) {
  void now.value;
  const seconds = age(when);
  return html`<time datetime=${when} title=${moment(when)}
    >${seconds < 1 ? "now" : `${duration(seconds)} ago`}</time
  >`;
}

/** A day in half-hours. @param {{activity: number[]}} props */
function Activity({ activity }) {
  const { halfHour, day } = lately(activity);
  const top = Math.max(...activity, 1);
  const text = `${number(day)} in the last 24 h, ${number(halfHour)} in this half-hour`;
  return html`<div class="exc-bars" title=${text}>
    <svg
      role="img"
      aria-label=${text}
      viewBox=${`0 0 ${activity.length * 4 - 1} ${BARS}`}
      preserveAspectRatio="none"
    >
      ${activity.map((count, at) => {
        const height = count ? Math.max(2.5, (count / top) * BARS) : 1;
        return html`<rect
          class=${count ? "some" : ""}
          x=${at * 4}
          y=${BARS - height}
          width="3"
          height=${height}
        />`;
      })}
    </svg>
    <span class="exc-axis faint" aria-hidden="true"><span>24 h</span><span>now</span></span>
  </div>`;
}

/** @param {{group: ExceptionGroup}} props */
function Connections({ group }) {
  const [all, setAll] = useState(false);
  const { connections, peers } = group;
  if (connections.length === 0) return html`<span class="faint">raised on none</span>`;
  const shown = all ? connections : connections.slice(0, LINKS);
  const left = connections.length - shown.length;
  return html`<ul class="exc-links">
    ${shown.map(
      (id, at) =>
        html`<li key=${id}>
          <a class="link mono" href=${`/connections/${id}`}
            >#${id}${peers[at] && html` <span class="dim"><${Untrusted} text=${peers[at] ?? ""} /></span>`}</a
          >
        </li>`,
    )}
    ${
      left > 0 &&
      html`<li>
        <button type="button" class="copy bare link" onClick=${() => setAll(true)}>
          ${number(left)} more
        </button>
      </li>`
    }
    ${
      group.count > connections.length &&
      (all || left === 0) &&
      connections.length >= 20 &&
      html`<li class="faint">the newest of them</li>`
    }
  </ul>`;
}

/** @param {{text: string, place: ExceptionGroup["place"]}} props */
function Traceback({ text, place }) {
  const [open, setOpen] = useState(false);
  return html`<details
    class="trace"
    onToggle=${(/** @type {any} */ event) => setOpen(event.currentTarget.open)}
  >
    <summary><${Icon} name="right" class="small turns" />Traceback</summary>
    ${
      open &&
      html`<pre class="code exc-trace" tabindex="0" aria-label="Traceback">
${tracebackLines(text, place).map((line) => html`<span class=${line.kind}><${Untrusted} text=${line.text} />${"\n"}</span>`)}</pre>`
    }
  </details>`;
}

/** @type {Map<string, () => Promise<void>>} */
const forgetting = new Map();

/**
 * Forget one, once the way back is gone: so that nothing has to be brought back.
 * @param {ExceptionGroup} group
 * @param {ExceptionList} list
 */
function forget(group, list) {
  const { id } = group;
  list.hide(id, true);
  forgetting.set(id, async () => {
    forgetting.delete(id);
    try {
      await call("DELETE", `/exceptions/${id}`, undefined, { keepalive: true });
      list.drop(id);
      list.noticed();
    } catch (error) {
      list.hide(id, false);
      if (/** @type {any} */ (error).status === 404) list.drop(id);
      else toastError(error, `Forgetting ${group.type} failed`);
    }
  });
  toast({
    text: `Forgot ${group.type} of ${group.service}`,
    detail: "If it comes again, it is counted from one.",
    act: {
      text: "Undo",
      run: () => {
        forgetting.delete(id);
        list.hide(id, false);
      },
    },
    gone: () => forgetting.get(id)?.(),
  });
}

addEventListener("pagehide", () => {
  for (const now of forgetting.values()) now();
});
