// @ts-check
/** A text that a click takes along. */

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import { Icon } from "./kit.js";
import { toast } from "./toast.js";

const DONE_FOR_MS = 1500;

/** Copy a text; false where the browser would not. @param {string} text */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

/** The way that also works where the panel is reached over plain HTTP. @param {string} text */
function copyBySelection(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "sr";
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

/** @param {string} text */
function useCopy(text) {
  const [done, setDone] = useState(false);
  const onClick = async (/** @type {Event} */ event) => {
    event.stopPropagation();
    if (!(await copyText(text))) {
      toast({
        tone: "bad",
        text: "The browser refused to copy. Select the text and copy it by hand.",
      });
      return;
    }
    setDone(true);
    setTimeout(() => setDone(false), DONE_FOR_MS);
  };
  return { done, onClick };
}

/**
 * The text itself, with its sign.
 * @param {{text: string, shown?: any, class?: string, what?: string}} props
 */
export function Copy({ text, shown, class: extra = "", what = "" }) {
  const { done, onClick } = useCopy(text);
  return html`<button
    type="button"
    class=${`copy ${extra} ${done ? "done" : ""}`}
    aria-label=${`${done ? "Copied" : "Copy"}${what && ` ${what}:`} ${text}`}
    title=${text}
    onClick=${onClick}
  >
    <span class="clip">${shown ?? text}</span
    ><${Icon} name=${done ? "check" : "copy"} class="small" />
  </button>`;
}

/**
 * A button that takes along what stands elsewhere.
 * @param {{text: string, label: string, children?: any}} props
 */
export function CopyButton({ text, label, children }) {
  const { done, onClick } = useCopy(text);
  return html`<button
    type="button"
    class=${`btn small ${children ? "" : "only"}`}
    aria-label=${done ? undefined : label}
    onClick=${onClick}
  >
    <${Icon}
      name=${done ? "check" : "copy"}
      class="small"
    />${children && (done ? "Copied" : children)}
  </button>`;
}
