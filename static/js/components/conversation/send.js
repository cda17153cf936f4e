// @ts-check
/** Say something into a live connection, as its service would. */

import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { post } from "../../api.js";
import { Button, Segment } from "../kit.js";
import { number, plural, sentence } from "../../lib/format.js";
import { keys } from "../../lib/keys.js";
import { carried } from "../../lib/memory.js";
import { encodeBase64 } from "../../lib/payload.js";
import { bytesOf, typedAs } from "../../lib/typed.js";

/** @import { Connection } from "../../types.js" */
/** @import { Encoding, Ending } from "../../lib/typed.js" */

const MOST_BYTES = 64 << 10;
const ROWS = 6;

/** @param {{connection: Connection}} props */
export function SendBox({ connection }) {
  const key = `send.${connection.service}`;
  const [text, setText] = useState("");
  const [encoding, setEncoding] = useState(
    /** @type {Encoding} */ (carried.get(`${key}.encoding`, "text")),
  );
  const [ending, setEnding] = useState(/** @type {Ending} */ (carried.get(`${key}.ending`, "lf")));
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const field = useRef(/** @type {HTMLTextAreaElement|null} */ (null));

  useEffect(
    () =>
      keys.bind(
        "s",
        "Into the send box",
        (event) => {
          event.preventDefault();
          field.current?.focus();
        },
        "Conversation",
      ),
    [],
  );

  /** @type {Uint8Array} */
  let bytes = new Uint8Array();
  let wrong = "";
  try {
    if (text) bytes = bytesOf(text, encoding, ending);
    if (bytes.length > MOST_BYTES) wrong = `at most ${number(MOST_BYTES)} bytes go at once`;
  } catch (error) {
    wrong = /** @type {Error} */ (error).message;
  }

  const send = async () => {
    if (wrong || busy || bytes.length === 0) return;
    setBusy(true);
    setProblem("");
    try {
      const data = { data: encodeBase64(bytes), encoding: "base64" };
      await post(`/connections/${connection.id}/send`, data);
      setText("");
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
    setBusy(false);
    field.current?.focus();
  };
  const retype = (/** @type {Encoding} */ to) => {
    setEncoding(to);
    carried.set(`${key}.encoding`, to);
    const typed = wrong || !text || to === encoding ? null : typedAs(bytes, to);
    if (!typed) return;
    setText(typed.text);
    if (typed.ending) setEnding(typed.ending);
  };
  const end = (/** @type {Ending} */ to) => {
    setEnding(to);
    carried.set(`${key}.ending`, to);
  };
  const said = wrong || problem;
  return html`<form
    class="send-box"
    aria-label="Send into the connection"
    onSubmit=${(/** @type {Event} */ event) => {
      event.preventDefault();
      send();
    }}
  >
    <textarea
      ref=${field}
      class="input mono"
      rows=${Math.min(ROWS, text.split("\n").length)}
      spellcheck="false"
      aria-label="Send to the peer"
      aria-invalid=${wrong ? "true" : undefined}
      placeholder=${encoding === "hex" ? "02 00 1a ff" : "Say something to the peer"}
      value=${text}
      onInput=${(/** @type {any} */ event) => {
        setText(event.currentTarget.value);
        setProblem("");
      }}
      onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
        if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
          event.preventDefault();
          send();
        } else if (event.key === "Escape") field.current?.blur();
      }}
    ></textarea>
    <div class="row wrap">
      <${Segment}
        label="Typed as"
        value=${encoding}
        onChange=${retype}
        options=${[
          { value: "text", text: "Text" },
          { value: "hex", text: "Hex" },
        ]}
      />
      ${
        encoding === "text" &&
        html`<${Segment}
          label="Line ending"
          value=${ending}
          onChange=${end}
          options=${[
            { value: "none", text: "None" },
            { value: "lf", text: "LF" },
            { value: "crlf", text: "CR LF" },
          ]}
        />`
      }
      ${
        said
          ? html`<span class="bad clip send-said" role="alert">${sentence(said)}</span>`
          : html`<span class="faint only-wide">${bytes.length ? plural(bytes.length, "byte") : ""}</span>`
      }
      <span class="push"></span>
      <span class="faint only-wide"><kbd>s</kbd> <kbd>Enter</kbd></span>
      <${Button}
          kind="primary"
          icon="send"
          small
          type="submit"
          busy=${busy}
          disabled=${Boolean(wrong) || bytes.length === 0}
        >Send</${Button}>
    </div>
  </form>`;
}
