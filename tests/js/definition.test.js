import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOf, addressParts, asCurl, definitionOf, formOf, placed, sortErrors, suggestName, terse } from "../../static/js/lib/definition.js";

const DEFINITION = {
  name: "echo",
  description: "for tests",
  labels: { team: "fleet" },
  address: "tcp://[::1]:7007",
  concurrency: "pool",
  pool_size: 8,
  handler: "echo",
  options: {},
  requests: 3,
  host: "process",
  affinity: false,
  autostart: false,
  restart: { policy: "always", delay: 2, maximum_delay: 30, attempts: 4 },
  drain_timeout: 0,
  limits: { backlog: 16, max_datagram: 512 },
  capture: { level: "events", bytes: 0 },
};

test("a definition goes through the form unchanged", () => {
  assert.deepEqual(definitionOf(formOf(DEFINITION), null), { definition: DEFINITION, errors: [] });
});

test("addresses come apart and together", () => {
  for (const address of ["tcp://127.0.0.1:0", "udp://[::]:7", "unix:///run/a b.sock", "unixgram:///x", "tcp://:80"]) {
    assert.equal(addressOf(addressParts(address)), address);
  }
});

test("only what differs from the defaults is shown", () => {
  const { definition } = definitionOf({ ...formOf({ name: "a", handler: "echo" }), drain_timeout: "9" }, null);
  assert.deepEqual(terse(definition), { name: "a", address: "tcp://127.0.0.1:0", handler: "echo", drain_timeout: 9 });
  assert.deepEqual(terse({ ...definition, drain_timeout: 5, capture: { level: "off", bytes: 256 } }).capture, { level: "off" });
});

test("what cannot be a number is told at its field, all at once", () => {
  const form = { ...formOf(DEFINITION), pool_size: "many", requests: "x", port: "http" };
  assert.deepEqual(definitionOf(form, null).errors.map((error) => error.pointer), ["/address", "/pool_size", "/requests"]);
  assert.deepEqual(definitionOf({ ...formOf(DEFINITION), requests: "" }, null).definition.requests, null);
});

test("errors land at the nearest field there is", () => {
  const known = new Set(["/labels", "/options/size", "/address"]);
  const { at, elsewhere } = sortErrors(
    [
      { pointer: "/labels/team", detail: "too long" },
      { pointer: "/options/size", detail: "too big" },
      { pointer: "/tls", detail: "not built yet" },
      { pointer: "", detail: "no object" },
    ],
    known,
  );
  assert.deepEqual(at, { "/labels": "too long", "/options/size": "too big" });
  assert.deepEqual(elsewhere.map((error) => error.pointer), ["/tls", ""]);
});

test("a taken name or address lands at its field", () => {
  const refusal = (message, status = 409) => placed({ status, message, errors: [] })[0].pointer;
  assert.equal(refusal("there is a service echo already; choose another name"), "/name");
  assert.equal(refusal("tcp://127.0.0.1:7 is the address of echo"), "/address");
  assert.equal(refusal("something else"), "");
  assert.deepEqual(placed({ status: 422, message: "", errors: [{ pointer: "/x", detail: "no" }] }), [{ pointer: "/x", detail: "no" }]);
});

test("a name is suggested that is free", () => {
  assert.equal(suggestName("echo", ["echo", "echo-2"]), "echo-3");
  assert.equal(suggestName("devices:FrameHandler", []), "frame");
  assert.equal(suggestName("hello:HelloDatagram", []), "hello-datagram");
  assert.equal(suggestName("", []), "");
});

test("the command quotes what a shell would eat", () => {
  const command = asCurl({ name: "a", description: "it's $HOME" }, "http://127.0.0.1:5080");
  assert.ok(command.includes(`it'\\''s $HOME`));
  assert.ok(command.startsWith("curl -X POST 'http://127.0.0.1:5080/api/v1/services?start=true'"));
  assert.ok(command.includes("Bearer $SOCKETDECK_TOKEN"));
  assert.ok(asCurl({}, "http://h", "echo").startsWith("curl -X PUT http://h/api/v1/services/echo"));
});
