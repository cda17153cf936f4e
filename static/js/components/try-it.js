// @ts-check
/** A client of the panel's own: send something to the service, see what comes back and when. */

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import { post } from "../api.js";
import { Payload } from "./bytes.js";
import { CopyButton } from "./copy.js";
import { Button, Empty, Icon, Notice, Segment } from "./kit.js";
import { asCurl, asNetcat, asPython } from "../lib/commands.js";
import { clock, plural, span } from "../lib/format.js";
import { carried } from "../lib/memory.js";
import { decodeBase64, encodeBase64 } from "../lib/payload.js";
import { bytesOf, typedAs } from "../lib/typed.js";

/** @import { Service } from "../types.js" */
/** @import { Encoding, Ending } from "../lib/typed.js" */

const KEPT = 12;
const ENDED = {
  closed: "then it closed the connection",
  reset: "then it reset the connection",
  quiet: "then it was quiet",
  timeout: "then nothing more came in time",
  full: "and there was more than is kept",
};

/**
 * @typedef {object} Talk
 * @property {number} id
 * @property {number} at
 * @property {string} sent  base64
 * @property {any} [answer]
 * @property {string} [problem]
 */

/** @param {{service: Service}} props */
export function TryIt({ service }) {
  const key = `try.${service.name}`;
  const [text, setText] = useState(() =>
    String(carried.get(`${key}.text`, service.handler === "http" ? "GET / HTTP/1.0\n" : "hello")),
  );
  const [encoding, setEncoding] = useState(/** @type {Encoding} */ ("text"));
  const [ending, setEnding] = useState(
    /** @type {Ending} */ (service.handler === "http" ? "crlf" : "lf"),
  );
  const [timeout, setSeconds] = useState("5");
  const [busy, setBusy] = useState(false);
  const [talks, setTalks] = useState(/** @type {Talk[]} */ (carried.get(`${key}.talks`, [])));

  /** @type {Uint8Array} */
  let bytes = new Uint8Array();
  let wrong = "";
  try {
    bytes = bytesOf(text, encoding, ending);
  } catch (error) {
    wrong = /** @type {Error} */ (error).message;
  }
  const seconds = Number(timeout) > 0 ? Number(timeout) : 5;
  const request = { data: encodeBase64(bytes), encoding: "base64", timeout: seconds };
  const running = service.status.state === "running";

  const send = async () => {
    if (wrong || busy || !running) return;
    setBusy(true);
    /** @type {Talk} */
    const talk = { id: Date.now(), at: Date.now(), sent: request.data };
    try {
      talk.answer = await post(`/services/${service.name}/try`, request);
    } catch (error) {
      talk.problem = error instanceof Error ? error.message : String(error);
    }
    const kept = [talk, ...talks].slice(0, KEPT);
    setTalks(kept);
    carried.set(`${key}.talks`, kept);
    carried.set(`${key}.text`, text);
    setBusy(false);
  };
  /** The same bytes, typed otherwise; what cannot be converted stays as it was typed. */
  const retype = (/** @type {Encoding} */ to) => {
    setEncoding(to);
    const typed = wrong || to === encoding ? null : typedAs(bytes, to);
    if (!typed) return;
    setText(typed.text);
    if (typed.ending) setEnding(typed.ending);
  };
  const again = (/** @type {Talk} */ talk) => {
    setEncoding("base64");
    setText(talk.sent);
  };
  const http = service.handler === "http";

  return html`<div class="try">
    <form class="try-form" onSubmit=${(/** @type {Event} */ event) => {
      event.preventDefault();
      send();
    }}>
      ${!running && html`<${Notice}
          tone="info"
          what="The service is not running."
          why="Start it to talk to it."
        />`}
      <div class="field"><div class="row wrap"><label for="try-data" class="strong">Send</label>
        <span class="push"></span><${Segment} label="Typed as" value=${encoding} onChange=${retype} options=${[
          { value: "text", text: "Text" },
          { value: "hex", text: "Hex" },
          { value: "base64", text: "Base64" },
        ]} /></div>
        <textarea id="try-data" class="input mono" spellcheck="false" aria-invalid=${wrong ? "true" : undefined} value=${text}
          placeholder=${encoding === "hex" ? "02 00 1a ff" : encoding === "base64" ? "aGVsbG8K" : "nothing is sent"}
          onInput=${(/** @type {any} */ event) => setText(event.currentTarget.value)}
          onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
              event.preventDefault();
              send();
            }
          }}></textarea>
        ${wrong ? html`<span class="error" role="alert">${wrong}</span>` : html`<span class="hint">${plural(bytes.length, "byte")}</span>`}</div>
      <div class="row wrap">${
        encoding === "text" &&
        html`<span class="dim">Line ending</span
          ><${Segment}
            label="Line ending"
            value=${ending}
            onChange=${setEnding}
            options=${[
              { value: "none", text: "None" },
              { value: "lf", text: "LF" },
              { value: "crlf", text: "CR LF" },
            ]}
          /><span class="push"></span>`
      }<label class="dim" for="try-timeout">Wait up to</label><span class="with-unit short"><input
          id="try-timeout"
          class="input mono"
          inputmode="decimal"
          value=${timeout}
          onInput=${(/** @type {any} */ event) => setSeconds(event.currentTarget.value)}
        /><span class="unit">s</span></span></div>
      <div class="row wrap copy-as"><span class="dim">Copy as</span>
        <${CopyButton}
            text=${asNetcat(service, bytes, seconds)}
            label=${`Copy as ${service.address.startsWith("unixgram") ? "socat" : "nc"}`}
          >${service.address.startsWith("unixgram") ? "socat" : "nc"}</${CopyButton}>
        <${CopyButton}
            text=${asCurl(service, request, location.origin)}
            label="Copy as curl, through the panel"
          >curl</${CopyButton}>
        <${CopyButton}
            text=${asPython(service, bytes, seconds)}
            label="Copy as Python"
          >Python</${CopyButton}>
        <span class="push"></span><span class="faint only-wide"><kbd>Ctrl</kbd> <kbd>Enter</kbd></span><${Button}
            kind="primary"
            icon="send"
            type="submit"
            busy=${busy}
            disabled=${Boolean(wrong) || !running}
          >Send</${Button}></div>
      ${http && html`<p class="dim">HTTP wants CR LF and an empty line after the headers.</p>`}
    </form>
    <div class="try-log" aria-live="polite">
      ${
        talks.length === 0
          ? html`<${Empty}
              title="Nothing sent yet"
              text="What comes back appears here, with the time it took. It is a real connection, so it also shows among the connections and events."
            />`
          : talks.map(
              (talk) =>
                html`<${Exchange} key=${talk.id} talk=${talk} onAgain=${() => again(talk)} />`,
            )
      }
    </div>
  </div>`;
}

/** @param {{talk: Talk, onAgain: () => void}} props */
function Exchange({ talk, onAgain }) {
  const sent = decodeBase64(talk.sent);
  const answer = talk.answer;
  const received = answer
    ? answer.encoding === "base64"
      ? decodeBase64(answer.data)
      : new TextEncoder().encode(answer.data)
    : null;
  return html`<article class="talk">
    <div class="talk-head">
      <span class="mono faint">${clock(talk.at)}</span>
      ${
        answer &&
        html`<span
            >answered after${" "}<strong>${span(answer.first_byte_after ?? answer.duration)}</strong></span
          ><span class="faint"
            >${ENDED[/** @type {keyof typeof ENDED} */ (answer.ended)] ?? ""}</span
          >`
      }
      <span class="push"></span
      ><${Button}
        small
        kind="quiet"
        icon="restart"
        label="Put this back into the form"
        tip="Put back into the form"
        tipClass="tip-end"
        onClick=${onAgain}
      />
    </div>
    <div class="wire">
      <span class="dir in"><${Icon} name="in" class="small" />sent</span
      ><${Payload} bytes=${sent} />
    </div>
    ${
      talk.problem &&
      html`<div class="wire">
        <span class="dir bad"><${Icon} name="warn" class="small" />failed</span
        ><span class="bad">${talk.problem}</span>
      </div>`
    }
    ${
      received &&
      html`<div class="wire">
        <span class="dir out"><${Icon} name="out" class="small" />got</span
        >${received.length ? html`<${Payload} bytes=${received} />` : html`<span class="dim">nothing came back</span>`}
      </div>`
    }
  </article>`;
}
