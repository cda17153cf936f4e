import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULTS, inState, isNarrowed, readView, sameView, sortKeys, sortedBy, writeView } from "../../static/js/lib/connection-view.js";

test("an address says what differs from what REST does anyway, and reads back", () => {
  assert.equal(writeView(DEFAULTS), "");
  const view = { ...DEFAULTS, state: "closed", peer: "10.0.0.0/8", q: "a b&c=ü", reason: "killed", sort: "-bytes_in" };
  const address = writeView(view);
  assert.equal(address, "?state=closed&peer=10.0.0.0/8&reason=killed&q=a+b%26c%3D%C3%BC&sort=-bytes_in");
  assert.deepEqual(readView(address), view);
  assert.deepEqual(readView("?utm=1&cursor=x&sort="), DEFAULTS);
});

test("what makes no sense stays as it is: the server says so", () => {
  assert.equal(readView("?sort=colour&state=melted").sort, "colour");
  assert.equal(writeView(readView("?state=melted&sort=colour")), "?state=melted&sort=colour");
});

test("a service's own page has it in its path", () => {
  const view = readView("?service=other&q=x", "echo");
  assert.equal(view.service, "echo");
  assert.equal(writeView(view, "echo"), "?q=x");
  assert.equal(isNarrowed(readView("", "echo"), "echo"), false);
  assert.equal(isNarrowed(readView("?service=echo")), true);
});

test("a heading turns the order, and begins where one looks first", () => {
  const by = (view, key) => sortedBy(view, key).sort;
  assert.equal(by(DEFAULTS, "id"), "id");
  assert.equal(by(DEFAULTS, "bytes_in"), "-bytes_in");
  assert.equal(by({ ...DEFAULTS, sort: "-bytes_in" }, "bytes_in"), "bytes_in");
  assert.equal(by(DEFAULTS, "rtt"), "rtt");
});

test("another state leaves what has no meaning in it", () => {
  const closed = inState({ ...DEFAULTS, q: "x", sort: "idle" }, "closed");
  assert.deepEqual(closed, { ...DEFAULTS, state: "closed", q: "x", sort: "-closed_at" });
  assert.equal(inState(DEFAULTS, "closed").sort, "-closed_at");
  assert.deepEqual(inState({ ...closed, reason: "killed" }, "open"), { ...DEFAULTS, q: "x" });
  assert.equal(inState({ ...DEFAULTS, sort: "-bytes_out" }, "closed").sort, "-bytes_out");
  assert.equal(inState({ ...closed, reason: "killed" }, "all").reason, "killed");
});

test("keys by state are the contract's", () => {
  assert.equal(sortKeys("open").length, 10);
  assert.ok(sortKeys("open").includes("rtt") && !sortKeys("closed").includes("rtt"));
  assert.ok(sortKeys("closed").includes("reason") && !sortKeys("all").includes("closed_at"));
  assert.equal(sameView(DEFAULTS, { ...DEFAULTS }), true);
});
