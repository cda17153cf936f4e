// @ts-check
/** Code with its parts told apart. */

import { html } from "htm/preact";

/** @type {Record<string, RegExp>} */
const GRAMMARS = {
  json: /(?<f>"(?:[^"\\]|\\.)*"(?=\s*:))|(?<s>"(?:[^"\\]|\\.)*")|(?<k>\b(?:true|false|null)\b|-?\b\d[\d.eE+-]*)/g,
  shell: /(?<k>(?<=^|\| )\w+)|(?<s>'(?:[^'])*'|"(?:[^"\\]|\\.)*")|(?<f>\s-{1,2}[\w-]+)/gm,
  python:
    /(?<c>#.*$)|(?<s>"""[\s\S]*?"""|b?"(?:[^"\\\n]|\\.)*"|b?'(?:[^'\\\n]|\\.)*')|(?<k>\b(?:from|import|class|def|for|in|while|with|as|return|if|else|print|None|True|False)\b)|(?<f>(?<=class |def )\w+)/gm,
};

/** @param {string} text @param {string} language @returns {{text: string, kind: string}[]} */
export function highlighted(text, language) {
  const pieces = [];
  let at = 0;
  for (const match of text.matchAll(/** @type {RegExp} */ (GRAMMARS[language]))) {
    const kind =
      Object.entries(match.groups ?? {}).find(([, found]) => found !== undefined)?.[0] ?? "";
    if (match.index > at) pieces.push({ text: text.slice(at, match.index), kind: "" });
    pieces.push({ text: match[0], kind });
    at = match.index + match[0].length;
  }
  pieces.push({ text: text.slice(at), kind: "" });
  return pieces;
}

/**
 * @param {{text: string, language: "json"|"shell"|"python", label: string, wrap?: boolean}} props
 */
export const Code = ({ text, language, label, wrap = false }) =>
  html`<pre class=${`code ${wrap ? "wrap" : ""}`} tabindex="0" aria-label=${label}>
${highlighted(text, language).map((piece) => (piece.kind ? html`<span class=${piece.kind}>${piece.text}</span>` : piece.text))}</pre>`;
