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
  assert.deepEqual(definitionOf(formOf(DEFINITION), null), DEFINITION);
});

test("addresses come apart and together", () => {
  for (const address of ["tcp://127.0.0.1:0", "udp://[::]:7", "unix:///run/a b.sock", "unixgram:///x", "tcp://:80"]) {
    assert.equal(addressOf(addressParts(address)), address);
  }
});

test("only what differs from the defaults is shown", () => {
  const definition = definitionOf({ ...formOf({ name: "a", handler: "echo" }), drain_timeout: "9" }, null);
  assert.deepEqual(terse(definition), { name: "a", address: "tcp://127.0.0.1:0", handler: "echo", drain_timeout: 9 });
  assert.deepEqual(terse({ ...definition, drain_timeout: 5, capture: { level: "off", bytes: 256 } }).capture, { level: "off" });
});

test("what cannot be is sent as it was typed, for the server to say so", () => {
  const form = { ...formOf(DEFINITION), pool_size: "many", drain_timeout: "1e400", requests: " ", port: "http", attributes: '{"mark' };
  const said = definitionOf(form, null);
  assert.deepEqual(
    [said.pool_size, said.drain_timeout, said.requests, said.address, said.options],
    ["many", "1e400", null, "tcp://[::1]:http", '{"mark'],
  );
});

test("class attributes are JSON, nothing where nothing is typed", () => {
  const said = (attributes) => definitionOf({ ...formOf(DEFINITION), attributes }, null).options;
  assert.deepEqual(said(' {"mark": "!"} '), { mark: "!" });
  assert.deepEqual([said(""), said("[1]"), said("0")], [{}, [1], 0]);
  const kept = { ...DEFINITION, options: { mark: "!", deep: [1] } };
  assert.deepEqual(definitionOf(formOf(kept), null), kept);
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

test("a refusal lands at the fields that it names, else at the whole", () => {
  const errors = [{ pointer: "/x", detail: "no" }];
  assert.deepEqual(placed({ message: "/x: no", errors }), errors);
  assert.deepEqual(placed({ message: "not now", errors: [] }), [{ pointer: "", detail: "not now" }]);
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
