// @ts-check
/** Fields of forms: a label, what is typed, what it means, what is wrong with it. */

import { html } from "htm/preact";
import { Button, Icon } from "./kit.js";
import { sentence } from "../lib/format.js";

/** @import { OptionField } from "../lib/schema.js" */

/** @param {string} pointer */
const idOf = (pointer) => `f${pointer.replaceAll("/", "-")}`;

/**
 * @param {{pointer: string, label: any, hint?: any, error?: string|undefined, optional?: boolean, wide?: boolean, group?: boolean, children?: any}} props
 */
export function Field({ pointer, label, hint, error, optional, wide, group, children }) {
  const id = idOf(pointer);
  const caption = html`${label}${optional && html`<span class="opt">optional</span>`}`;
  return html`<div
    class=${`field ${wide ? "wide" : ""}`}
    data-pointer=${pointer}
    role=${group ? "group" : undefined}
    aria-labelledby=${group ? `${id}-label` : undefined}
  >
    ${group ? html`<span class="label" id=${`${id}-label`}>${caption}</span>` : html`<label for=${id}>${caption}</label>`}
    ${children}
    ${error && html`<span class="error" id=${`${id}-error`} role="alert">${sentence(error)}</span>`}
    ${hint && html`<span class="hint" id=${`${id}-hint`}>${hint}</span>`}
  </div>`;
}

/** What is wrong with a choice that has no field of its own. @param {{text: string|undefined}} props */
export const Problem = ({ text }) =>
  text && html`<div class="field"><span class="error" role="alert">${sentence(text)}</span></div>`;

/** @param {any} event */
const typed = (event) => event.currentTarget.value;

/**
 * @param {{
 *   pointer: string, label: any, value: string, onInput: (value: string) => void, hint?: any, error?: string|undefined,
 *   optional?: boolean, wide?: boolean, mono?: boolean, unit?: string, placeholder?: string, numeric?: boolean, disabled?: boolean, list?: string, long?: boolean, autofocus?: boolean,
 * }} props
 */
export function TextField({
  pointer,
  label,
  value,
  onInput,
  hint,
  error,
  optional,
  wide,
  mono,
  unit,
  placeholder,
  numeric,
  disabled,
  list,
  long,
  autofocus,
}) {
  const id = idOf(pointer);
  const shared = {
    id,
    class: `input ${mono || numeric ? "mono" : ""}`,
    value,
    placeholder,
    disabled,
    spellcheck: false,
    autocomplete: "off",
    autofocus,
    "aria-invalid": error ? "true" : undefined,
    "aria-describedby":
      [error && `${id}-error`, hint && `${id}-hint`].filter(Boolean).join(" ") || undefined,
    onInput: (/** @type {Event} */ event) => onInput(typed(event)),
  };
  const box = long
    ? html`<textarea ...${shared}></textarea>`
    : html`<input
        type="text"
        inputmode=${numeric ? "decimal" : undefined}
        list=${list}
        ...${shared}
      />`;
  return html`<${Field}
      pointer=${pointer}
      label=${label}
      hint=${hint}
      error=${error}
      optional=${optional}
      wide=${wide}
    >
    ${unit ? html`<div class="with-unit">${box}<span class="unit">${unit}</span></div>` : box}
  </${Field}>`;
}

/**
 * @param {{pointer: string, label: any, value: any, options: {value: any, text: string}[], onChange: (value: any) => void, hint?: any, error?: string|undefined}} props
 */
export function SelectField({ pointer, label, value, options, onChange, hint, error }) {
  return html`<${Field} pointer=${pointer} label=${label} hint=${hint} error=${error}>
    <div class="select"><select id=${idOf(pointer)} class="input" aria-invalid=${error ? "true" : undefined}
        onChange=${(/** @type {any} */ event) => onChange(options[event.currentTarget.selectedIndex]?.value)}>
      ${options.map((option) => html`<option
          key=${option.text}
          selected=${option.value === value}
        >${option.text}</option>`)}
    </select><${Icon} name="down" /></div>
  </${Field}>`;
}

/**
 * @param {{
 *   pointer: string,
 *   label: any,
 *   checked: boolean,
 *   onChange: (checked: boolean) => void,
 *   hint?: any,
 *   error?: string|undefined,
 * }} props
 */
export const CheckField = ({ pointer, label, checked, onChange, hint, error }) =>
  html`<div class="field" data-pointer=${pointer}>
    <label class="check"
      ><input
        type="checkbox"
        checked=${checked}
        onChange=${(/** @type {any} */ event) => onChange(event.currentTarget.checked)}
      /><span>${label}</span></label
    >
    ${error && html`<span class="error" role="alert">${sentence(error)}</span>`}
    ${hint && html`<span class="hint">${hint}</span>`}
  </div>`;

/**
 * Cards of which one is chosen.
 * @param {{name: string, label: string, value: string, options: {value: string, title: any, text?: any, can?: any, disabled?: boolean, why?: string}[], onChange: (value: string) => void, broad?: boolean}} props
 */
export const Choices = ({ name, label, value, options, onChange, broad }) =>
  html`<div class=${`choices ${broad ? "broad" : ""}`} role="radiogroup" aria-label=${label}>
    ${options.map(
      (option) =>
        html`<label class="choice" key=${option.value} title=${option.why}>
          <input
            type="radio"
            name=${name}
            checked=${option.value === value}
            disabled=${option.disabled}
            onChange=${() => onChange(option.value)}
          />
          <b>${option.title}</b
          >${option.text && html`<span>${option.text}</span>`}${option.can && html`<span class="can">${option.can}</span>`}
        </label>`,
    )}
  </div>`;

/**
 * A list of texts.
 * @param {{label: string, values: string[], onChange: (values: string[]) => void}} props
 */
export const TextList = ({ label, values, onChange }) => html`<div class="pairs">
  ${values.map(
    (value, at) =>
      html`<div class="one" key=${at}>
        <input
          class="input"
          value=${value}
          aria-label=${`${label} ${at + 1}`}
          onInput=${(/** @type {Event} */ event) => onChange(values.with(at, typed(event)))}
        />
        <${Button}
          icon="x"
          kind="quiet"
          label=${`Remove ${label} ${at + 1}`}
          onClick=${() => onChange(values.toSpliced(at, 1))}
        />
      </div>`,
  )}
  <div><${Button} small icon="plus" onClick=${() => onChange([...values, ""])}>Add</${Button}></div>
</div>`;

/**
 * Names with values.
 * @param {{pairs: [string, string][], onChange: (pairs: [string, string][]) => void}} props
 */
export const Pairs = ({ pairs, onChange }) => html`<div class="pairs">
  ${pairs.map(
    ([key, value], at) =>
      html`<div class="pair" key=${at}>
        <input
          class="input mono"
          value=${key}
          placeholder="label"
          aria-label=${`Label ${at + 1}`}
          onInput=${(/** @type {Event} */ event) => onChange(pairs.with(at, [typed(event), value]))}
        />
        <input
          class="input mono"
          value=${value}
          placeholder="value"
          aria-label=${`Value of label ${at + 1}`}
          onInput=${(/** @type {Event} */ event) => onChange(pairs.with(at, [key, typed(event)]))}
        />
        <${Button}
          icon="x"
          kind="quiet"
          label=${`Remove label ${at + 1}`}
          onClick=${() => onChange(pairs.toSpliced(at, 1))}
        />
      </div>`,
  )}
  <div><${Button}
      small
      icon="plus"
      onClick=${() => onChange([...pairs, ["", ""]])}
    >Add a label</${Button}></div>
</div>`;

/**
 * One option of a handler.
 * @param {{
 *   field: OptionField,
 *   raw: any,
 *   error?: string|undefined,
 *   onChange: (raw: any) => void,
 * }} props
 */
export function OptionInput({ field, raw, error, onChange }) {
  const pointer = `/options/${field.key}`;
  const label = html`<span class="mono">${field.key}</span>`;
  const range = [
    field.minimum !== undefined && `at least ${field.minimum}`,
    field.maximum !== undefined && `at most ${field.maximum}`,
  ]
    .filter(Boolean)
    .join(", ");
  const blank = field.nullable && field.kind !== "enum" && !/\bempty\b/i.test(field.description);
  const hint = [field.description, range, blank && "empty: none"]
    .filter(Boolean)
    .join("; ");
  if (field.kind === "boolean")
    return html`<${CheckField}
      pointer=${pointer}
      label=${label}
      checked=${Boolean(raw)}
      onChange=${onChange}
      hint=${hint}
      error=${error}
    />`;
  if (field.kind === "enum") {
    const choices = field.choices.map((value) => ({ value, text: String(value) }));
    if (field.nullable) choices.unshift({ value: null, text: "none" });
    return html`<${SelectField}
      pointer=${pointer}
      label=${label}
      value=${raw}
      options=${choices}
      onChange=${onChange}
      hint=${hint}
      error=${error}
    />`;
  }
  if (field.kind === "strings") {
    return html`<${Field}
        pointer=${pointer}
        label=${label}
        hint=${hint}
        error=${error}
        wide
        group
      ><${TextList} label=${field.key} values=${raw ?? []} onChange=${onChange} /></${Field}>`;
  }
  const numeric = field.kind === "integer" || field.kind === "number";
  return html`<${TextField}
    pointer=${pointer}
    label=${label}
    value=${raw ?? ""}
    onInput=${onChange}
    hint=${hint}
    error=${error}
    optional=${field.nullable}
    numeric=${numeric}
    mono=${field.kind === "json"}
    long=${field.long || field.kind === "json"}
    wide=${field.long || field.kind === "json"}
    placeholder=${field.fallback === undefined || field.fallback === null ? "" : String(field.fallback)}
  />`;
}
