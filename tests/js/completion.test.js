import assert from "node:assert/strict";
import { test } from "node:test";
import { chosen, complete } from "../../static/js/lib/completion.js";

const FIELDS = [
  { name: "service", description: "the service's name", operators: [":"], values: ["echo", "a b", "echo-2"] },
  { name: "kind", description: "what happened", operators: [":"], values: ["data", "closed", "error"] },
  { name: "length", description: "bytes", operators: [":", ":>"], values: null },
];
const offered = (text, caret = text.length) => complete(text, caret, FIELDS).options.map((option) => option.text);

test("fields first, then values that are meant", () => {
  assert.deepEqual(offered(""), ["service:", "kind:", "length:"]);
  assert.deepEqual(offered("k"), ["kind:"]);
  assert.deepEqual(offered("err"), ["kind:error"]);
  assert.deepEqual(offered("length:>1 cl"), ["kind:closed"]);
});

test("behind a field its values, each in a list too; what is there already is not offered", () => {
  assert.deepEqual(offered("kind:"), ["data", "closed", "error"]);
  assert.deepEqual(offered("kind:data,er"), ["error"]);
  assert.deepEqual(offered("kind:data"), []);
  assert.deepEqual(offered("KIND:clo"), ["closed"]);
  assert.equal(complete("length:", 7, FIELDS).field.name, "length");
  assert.deepEqual(offered("nix:"), []);
});

test("a value with a space is offered with quotes, with or without them typed", () => {
  assert.deepEqual(offered("service:a "), ["service:", "kind:", "length:"]);
  assert.deepEqual(offered('service:"a'), ['"a b"']);
});

test("what is chosen takes the place of what was typed", () => {
  const take = (text, caret, place = 0) => chosen(text, complete(text, caret, FIELDS).options[place]);
  assert.deepEqual(take("-ki x", 3), { text: "-kind: x", caret: 6 });
  assert.deepEqual(take("kind:da", 7), { text: "kind:data ", caret: 10 });
  assert.deepEqual(take("kind:da x", 7), { text: "kind:data x", caret: 10 });
  assert.deepEqual(take("kind:data,er", 12), { text: "kind:data,error ", caret: 16 });
});
