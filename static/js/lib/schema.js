// @ts-check
/**
 * A handler's options, from the JSON Schema (2020-12, as pydantic writes it) to fields of a form, and
 * what is typed there back to values. What a field cannot express is edited as JSON. Pure.
 */

/** @import { Schema } from "../types.js" */

/**
 * @typedef {object} OptionField
 * @property {string} key
 * @property {string} title
 * @property {string} description
 * @property {"string"|"integer"|"number"|"boolean"|"enum"|"strings"|"json"} kind
 * @property {boolean} nullable
 * @property {boolean} required
 * @property {any} fallback  the default; undefined where there is none
 * @property {any[]} choices
 * @property {number|undefined} minimum
 * @property {number|undefined} maximum
 * @property {boolean} long  whether text runs over lines
 */

/** @param {Schema} schema @param {Schema} root @returns {Schema} */
function resolved(schema, root) {
  let at = schema;
  for (let depth = 0; depth < 8; depth += 1) {
    if (typeof at["$ref"] === "string") {
      const { $ref, ...beside } = at;
      const found = $ref
        .replace(/^#\//, "")
        .split("/")
        .reduce(
          (/** @type {any} */ node, /** @type {string} */ part) =>
            node?.[part.replaceAll("~1", "/").replaceAll("~0", "~")],
          root,
        );
      at = { ...(found ?? {}), ...beside };
    } else if (Array.isArray(at["allOf"]) && at["allOf"].length === 1) {
      const { allOf, ...beside } = at;
      at = { ...allOf[0], ...beside };
    } else return at;
  }
  return at;
}

/** @param {Schema|null|undefined} schema @returns {OptionField[]} */
export function fieldsOf(schema) {
  const properties = schema?.["properties"] ?? {};
  const required = new Set(schema?.["required"] ?? []);
  return Object.entries(properties).map(([key, raw]) =>
    fieldOf(key, raw, /** @type {Schema} */ (schema), required.has(key)),
  );
}

/**
 * @param {string} key
 * @param {Schema} raw
 * @param {Schema} root
 * @param {boolean} required
 * @returns {OptionField}
 */
function fieldOf(key, raw, root, required) {
  let schema = resolved(raw, root);
  let nullable = false;
  const branches = schema["anyOf"] ?? schema["oneOf"];
  if (Array.isArray(branches)) {
    const solid = branches
      .map((branch) => resolved(branch, root))
      .filter((branch) => branch["type"] !== "null");
    nullable = solid.length < branches.length;
    if (solid.length === 1) schema = { ...solid[0], ...without(schema, "anyOf", "oneOf") };
  } else if (Array.isArray(schema["type"])) {
    nullable = schema["type"].includes("null");
    const types = schema["type"].filter((type) => type !== "null");
    if (types.length === 1) schema = { ...schema, type: types[0] };
  }
  const kind = kindOf(schema, root);
  return {
    key,
    title: schema["title"] ?? key,
    description: schema["description"] ?? "",
    kind,
    nullable,
    required,
    fallback: "default" in raw ? raw["default"] : schema["default"],
    choices: schema["enum"] ?? ("const" in schema ? [schema["const"]] : []),
    minimum:
      schema["minimum"] ??
      (schema["exclusiveMinimum"] !== undefined && kind === "integer"
        ? schema["exclusiveMinimum"] + 1
        : schema["exclusiveMinimum"]),
    maximum:
      schema["maximum"] ??
      (schema["exclusiveMaximum"] !== undefined && kind === "integer"
        ? schema["exclusiveMaximum"] - 1
        : schema["exclusiveMaximum"]),
    long:
      kind === "string" &&
      !nullable &&
      (Number(schema["maxLength"] ?? 0) >= 1000 || String(schema["default"] ?? "").includes("\n")),
  };
}

/** @param {Schema} schema @param {...string} keys */
const without = (schema, ...keys) =>
  Object.fromEntries(Object.entries(schema).filter(([key]) => !keys.includes(key)));

/** @param {Schema} schema @param {Schema} root @returns {OptionField["kind"]} */
function kindOf(schema, root) {
  if (schema["enum"] || "const" in schema) return "enum";
  const type = schema["type"];
  if (type === "string" || type === "integer" || type === "number" || type === "boolean")
    return type;
  if (type === "array" && resolved(schema["items"] ?? {}, root)["type"] === "string")
    return "strings";
  return "json";
}

/**
 * What a form holds for a value: text for what is typed, the thing itself for the rest.
 * @param {OptionField} field
 * @param {any} value
 */
export function rawOf(field, value) {
  if (value === undefined)
    return field.kind === "boolean" ? false : field.kind === "strings" ? [] : "";
  if (value === null) return field.kind === "strings" ? [] : field.kind === "enum" ? null : "";
  if (field.kind === "integer" || field.kind === "number") return String(value);
  if (field.kind === "json") return JSON.stringify(value, null, 2);
  return value;
}

/**
 * What is typed as a number; null for nothing, and the text itself where it is none.
 * @param {any} text
 * @returns {number|string|null}
 */
export function numeric(text) {
  const trimmed = String(text ?? "").trim();
  if (trimmed === "") return null;
  const value = Number(trimmed);
  return Number.isFinite(value) ? value : trimmed;
}

/**
 * What is typed as JSON; null for nothing, and the text itself where it is none.
 * @param {any} text
 * @returns {any}
 */
export function json(text) {
  const trimmed = String(text ?? "").trim();
  if (trimmed === "") return null;
  try {
    return JSON.parse(trimmed);
  } catch {
    return trimmed;
  }
}

/**
 * The value of what a form holds; undefined: left out. Whether it is a good one is the server's to
 * say.
 * @param {OptionField} field
 * @param {any} raw
 * @returns {any}
 */
export function valueOf(field, raw) {
  const blank = field.nullable ? null : undefined;
  switch (field.kind) {
    case "strings":
      return raw;
    case "string":
      if (raw !== "" || field.nullable) return raw || blank;
      return field.required && field.fallback === undefined ? undefined : raw;
    case "json":
      return json(raw) ?? blank;
    case "integer":
    case "number":
      return numeric(raw) ?? blank;
    default:
      return raw === "" ? blank : (raw ?? blank);
  }
}

/**
 * The options of a definition: what differs from its default, by key.
 * @param {OptionField[]} fields
 * @param {Record<string, any>} raw
 */
export function optionsOf(fields, raw) {
  /** @type {Record<string, any>} */
  const options = {};
  for (const field of fields) {
    const value = valueOf(field, raw[field.key]);
    if (value !== undefined && JSON.stringify(value) !== JSON.stringify(field.fallback))
      options[field.key] = value;
  }
  return options;
}

/** @param {OptionField[]} fields @param {Record<string, any>} options */
export const rawOptions = (fields, options) =>
  Object.fromEntries(
    fields.map((field) => [
      field.key,
      rawOf(field, field.key in options ? options[field.key] : field.fallback),
    ]),
  );
