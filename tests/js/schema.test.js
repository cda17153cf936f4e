import assert from "node:assert/strict";
import { test } from "node:test";
import { fieldsOf, optionsOf, rawOf, rawOptions, valueOf } from "../../static/js/lib/schema.js";

// As pydantic writes it.
const SCHEMA = {
  type: "object",
  additionalProperties: false,
  required: ["name"],
  $defs: { Mode: { enum: ["slow", "fast"], type: "string" } },
  properties: {
    name: { type: "string", title: "Name" },
    size: { type: "integer", default: 10, minimum: 1, exclusiveMaximum: 101 },
    delay: { type: "number", default: 0.5 },
    loud: { type: "boolean", default: false },
    mode: { $ref: "#/$defs/Mode", default: "slow", description: "how" },
    limit: { anyOf: [{ type: "integer", minimum: 1 }, { type: "null" }], default: null },
    quotes: { type: "array", items: { type: "string" }, default: ["a"] },
    extra: { type: "object", default: {} },
    text: { type: "string", maxLength: 4096, default: "x" },
    folder: { anyOf: [{ type: "string", maxLength: 4096 }, { type: "null" }], default: null },
  },
};
const field = (key) => fieldsOf(SCHEMA).find((one) => one.key === key);

test("each kind of property becomes its kind of field", () => {
  assert.deepEqual(
    Object.fromEntries(fieldsOf(SCHEMA).map((one) => [one.key, one.kind])),
    { name: "string", size: "integer", delay: "number", loud: "boolean", mode: "enum", limit: "integer", quotes: "strings", extra: "json", text: "string", folder: "string" },
  );
});

test("references, unions with null and bounds are understood", () => {
  assert.deepEqual([field("mode").choices, field("mode").description, field("mode").fallback], [["slow", "fast"], "how", "slow"]);
  assert.deepEqual([field("limit").nullable, field("limit").minimum, field("limit").fallback], [true, 1, null]);
  assert.deepEqual([field("size").minimum, field("size").maximum], [1, 100]);
  assert.deepEqual([field("name").required, field("size").required], [true, false]);
  assert.deepEqual([field("text").long, field("folder").long], [true, false]);
});

test("no schema, or one without properties, has no fields", () => {
  assert.deepEqual([fieldsOf(null), fieldsOf(undefined), fieldsOf({ type: "object" })], [[], [], []]);
});

test("what is typed becomes a value", () => {
  assert.equal(valueOf(field("size"), " 12 "), 12);
  assert.equal(valueOf(field("limit"), ""), null);
  assert.equal(valueOf(field("delay"), ""), undefined, "left out, so the default");
  assert.equal(valueOf(field("name"), ""), undefined, "left out, so the server says that it is missing");
  assert.equal(valueOf(field("text"), ""), "");
  assert.equal(valueOf(field("loud"), false), false);
  assert.deepEqual(valueOf(field("extra"), '{"a": 1}'), { a: 1 });
});

test("what cannot be a value is sent as it was typed", () => {
  assert.deepEqual(["twelve", "1.5", "0", "1e400"].map((raw) => valueOf(field("size"), raw)), ["twelve", 1.5, 0, "1e400"]);
  assert.equal(valueOf(field("extra"), "{"), "{");
});

test("options say only what differs from the defaults", () => {
  const raw = { ...rawOptions(fieldsOf(SCHEMA), {}), name: "x", size: "10", quotes: ["a", "b"], loud: true };
  assert.deepEqual(optionsOf(fieldsOf(SCHEMA), raw), { name: "x", loud: true, quotes: ["a", "b"] });
});

test("options survive the form", () => {
  const options = { name: "n", size: 7, limit: 3, mode: "fast", quotes: [], extra: { deep: [1] }, folder: "/srv" };
  assert.deepEqual(optionsOf(fieldsOf(SCHEMA), rawOptions(fieldsOf(SCHEMA), options)), options);
  assert.equal(rawOf(field("limit"), null), "");
});
