// @ts-check
/** What may be meant by what is being typed into a filter. Pure; the fields come from the server. */

import { termOf, typedAt } from "./filter-text.js";

/**
 * A field of the filter language, as the server tells of it.
 * @typedef {object} Field
 * @property {string} name
 * @property {string} description
 * @property {string[]} operators
 * @property {string[]|null} values  those it can have, where they are known
 * @property {string} [example]
 */

/**
 * One thing to choose: `text` takes the place of what stands from `start` up to `end`.
 * @typedef {object} Option
 * @property {string} text
 * @property {string} label
 * @property {string} more  what it is
 * @property {number} start
 * @property {number} end
 */

const MOST = 12;
/** Of a shorter word too many values of all fields have a part. */
const TELLING = 2;

/**
 * @param {string} text
 * @param {number} caret
 * @param {readonly Field[]} fields
 * @returns {{options: Option[], field: Field|null}} the field whose value is being typed, if any
 */
export function complete(text, caret, fields) {
  const { is, field: name, typed, start, end } = typedAt(text, caret);
  if (is === "value") {
    const field = fields.find((one) => one.name === name.toLowerCase()) ?? null;
    const comma = typed.lastIndexOf(",") + 1;
    const last = typed.slice(comma).replace(/^"/, "").toLowerCase();
    const values = ranked(field?.values ?? [], last).slice(0, MOST);
    return {
      field,
      options: values
        .filter((value) => value.toLowerCase() !== last)
        .map((value) => ({
          text: termOf("", value).slice(1),
          label: value,
          more: "",
          start: start + comma,
          end,
        })),
    };
  }
  const word = typed.replace(/^"/, "").toLowerCase();
  const places = { start, end };
  const names = fields.filter((field) => field.name.startsWith(word)).map((field) => ({
    text: `${field.name}:`,
    label: `${field.name}:`,
    more: field.description,
    ...places,
  }));
  const values =
    word.length < TELLING
      ? []
      : fields.flatMap((field) =>
          ranked(field.values ?? [], word).map((value) => ({
            text: termOf(field.name, value),
            label: termOf(field.name, value),
            more: "",
            ...places,
          })),
        );
  return { field: null, options: [...names, ...values].slice(0, word ? MOST : fields.length) };
}

/** Those with a text in them, first those that begin with it. @param {string[]} values @param {string} text */
const ranked = (values, text) =>
  values
    .filter((value) => value.toLowerCase().includes(text))
    .sort((a, b) => Number(b.toLowerCase().startsWith(text)) - Number(a.toLowerCase().startsWith(text)));

/**
 * The text with an option chosen, and where the caret is then: behind a field's colon one types its
 * value, behind a value the next term.
 * @param {string} text
 * @param {Option} option
 */
export function chosen(text, option) {
  const isWhole = !option.text.endsWith(":");
  const rest = text.slice(option.end);
  const gap = isWhole && !/^\s/.test(rest) ? " " : "";
  const before = text.slice(0, option.start) + option.text + gap;
  const skipped = isWhole && !gap ? 1 : 0;
  return { text: before + rest, caret: before.length + skipped };
}
