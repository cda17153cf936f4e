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
 * The value of what a form holds.
 * @param {OptionField} field
 * @param {any} raw
 * @returns {{value?: any, error?: string}} neither: left out
 */
export function valueOf(field, raw) {
  const blank = raw === "" || raw === null || raw === undefined;
  switch (field.kind) {
    case "boolean":
    case "enum":
      return blank && !field.nullable ? {} : { value: raw ?? null };
    case "strings":
      return { value: raw };
    case "string":
      return blank && field.nullable
        ? { value: null }
        : blank && field.required && field.fallback === undefined
          ? {}
          : { value: raw };
    case "json":
      if (blank) return field.nullable ? { value: null } : {};
      try {
        return { value: JSON.parse(raw) };
      } catch {
        return { error: "this is no JSON" };
      }
    default:
      return blank ? (field.nullable ? { value: null } : {}) : numberOf(field, String(raw).trim());
  }
}

/** @param {OptionField} field @param {string} text */
function numberOf(field, text) {
  const value = Number(text);
  if (!Number.isFinite(value)) return { error: `“${text}” is no number` };
  if (field.kind === "integer" && !Number.isInteger(value)) return { error: "a whole number" };
  if (field.minimum !== undefined && value < field.minimum)
    return { error: `at least ${field.minimum}` };
  if (field.maximum !== undefined && value > field.maximum)
    return { error: `at most ${field.maximum}` };
  return { value };
}

/**
 * The options of a definition: what differs from its default, and what is wrong, by key.
 * @param {OptionField[]} fields
 * @param {Record<string, any>} raw
 */
export function optionsOf(fields, raw) {
  /** @type {Record<string, any>} */
  const options = {};
  /** @type {Record<string, string>} */
  const errors = {};
  for (const field of fields) {
    const { value, error } = valueOf(field, raw[field.key]);
    if (error) errors[field.key] = error;
    else if (value !== undefined && JSON.stringify(value) !== JSON.stringify(field.fallback))
      options[field.key] = value;
  }
  return { options, errors };
}

/** @param {OptionField[]} fields @param {Record<string, any>} options */
export const rawOptions = (fields, options) =>
  Object.fromEntries(
    fields.map((field) => [
      field.key,
      rawOf(field, field.key in options ? options[field.key] : field.fallback),
    ]),
  );
