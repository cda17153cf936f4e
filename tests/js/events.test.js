import assert from "node:assert/strict";
import { test } from "node:test";
import { closeTone, describe, groupOf } from "../../static/js/lib/events.js";

const event = (kind, data = {}) => ({ seq: 9, time: "2026-11-23T10:00:00.000000Z", service: "echo", connection: 4, kind, data });
const said = (kind, data) => describe(event(kind, data)).parts.map((part) => part.text).join(" ");

test("each kind says what happened", () => {
  assert.equal(said("connection.opened", { peer: "10.0.0.1:5" }), "10.0.0.1:5");
  assert.equal(said("connection.opened", { peer: null }), "unnamed peer");
  assert.equal(said("connection.closed", { reason: "client_reset", duration: 1.5, bytes: { in: 10, out: 2000 } }), "client reset after 1.50 s 10 B in, 2.00 KB out");
  assert.equal(said("connection.rejected", { reason: "rejected_limit", peer: "10.0.0.1:5" }), "10.0.0.1:5 rejected limit");
  assert.equal(said("connection.error", { type: "ValueError", message: "no" }), "ValueError: no");
  assert.equal(said("service.log", { stream: "stdout", text: "got it\n" }), "got it");
  assert.equal(said("service.state", { state: "running", previous: "starting", why: "start" }), "running start");
  assert.equal(said("service.state", { state: "failed", error: { type: "OSError", message: "in use" } }), "failed OSError: in use");
  assert.equal(said("service.updated", { changed: ["pool_size", "address"] }), "pool size and address");
});

test("data has its direction, its size, and how much was folded", () => {
  const one = describe(event("connection.data", { direction: "in", length: 5, data: "aGVsbG8=", truncated: false }));
  assert.deepEqual([one.glyph, one.word, one.payload.truncated], ["in", "data in", false]);
  const many = describe(event("connection.data", { direction: "out", length: 5000, data: "aGVsbG8=", count: 12 }));
  assert.deepEqual([many.glyph, many.parts.map((part) => part.text), many.payload.truncated], ["out", ["5.00 KB", "12 messages folded"], true]);
  assert.equal(describe(event("connection.data", { direction: "in", length: 5, data: null })).payload, undefined);
});

test("what is missing stands in its place, and says why", () => {
  assert.match(said("events.dropped", { count: 1204, from_seq: 1, to_seq: 1204, source: "panel" }), /1,204 events lost here, by panel seq 1 to 1204/);
  assert.match(said("events.dropped", { count: null, from_seq: 1, to_seq: 9 }), /unknown number/);
  assert.match(said("events.dropped", { count: 3, from_seq: 1, to_seq: 3, source: "live" }), /not shown here/);
  assert.equal(groupOf(event("events.dropped")), null, "no filter hides it");
});

test("a kind of tomorrow is shown, not hidden", () => {
  assert.equal(describe(event("fault.fired", { fault: "slow" })).word, "fault fired");
  assert.equal(groupOf(event("audit")), "service");
});

test("what comes from a peer is marked as untrusted", () => {
  for (const [kind, data] of [["connection.opened", { peer: "x" }], ["service.log", { text: "x" }], ["connection.error", { type: "T", message: "x" }]]) {
    assert.ok(describe(event(kind, data)).parts.every((part) => part.untrusted), kind);
  }
});

test("closing has three tones", () => {
  assert.deepEqual(["client_closed", null, "killed", "client_reset", "handler_error", "child_signalled"].map(closeTone), ["closed", "closed", "cut", "cut", "error", "error"]);
});
