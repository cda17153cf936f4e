import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionBook } from "../../static/js/lib/connections.js";

let seq = 0;
const event = (kind, connection, data = {}, time = "2026-11-23T10:00:00.000000Z") => ({ seq: (seq += 1), time, service: "echo", connection, kind: `connection.${kind}`, data });
const closed = (id, reason = "client_closed") => event("closed", id, { reason, duration: 2, bytes: { in: 7, out: 8 }, messages: { in: 1, out: 1 } });
const listed = (id, more = {}) => ({
  id, service: "echo", transport: "tcp", state: "open", peer: `10.0.0.1:${id}`, local: null, opened_at: "2026-11-23T09:59:00Z", closed_at: null, duration: 60,
  last_activity: "2026-11-23T09:59:30Z", idle: 30, bytes: { in: 1, out: 2 }, messages: { in: 1, out: 1 }, close_reason: null, error: null, ...more,
});
const ids = (book, ...how) => book.list(...how).map((row) => row.id);

test("a connection lives by its events alone", () => {
  const book = new ConnectionBook("tcp");
  book.apply(event("opened", 5, { peer: "10.0.0.9:1" }));
  book.apply(event("data", 5, { direction: "in", length: 6, data: "aGk=" }));
  book.apply(event("data", 5, { direction: "out", length: 40, count: 3 }));
  const row = book.rows.get(5);
  assert.deepEqual([row.bytes, row.messages, row.last.direction, row.fresh, book.open], [{ in: 6, out: 40 }, { in: 1, out: 3 }, "out", true, 1]);
  assert.equal(row.transport, "tcp");
  book.apply(event("error", 5, { type: "ValueError", message: "no", traceback: "..." }));
  book.apply(closed(5, "handler_error"));
  assert.deepEqual([row.error.type, book.rows.get(5).state, book.rows.get(5).bytes, book.open], ["ValueError", "closed", { in: 7, out: 8 }, 0]);
});

test("a list that comes late reopens nothing", () => {
  const book = new ConnectionBook("tcp");
  book.load([listed(1)]);
  book.apply(closed(1));
  book.load([listed(1)]);
  assert.equal(book.rows.get(1).state, "closed");
});

test("a close of one never seen still shows", () => {
  const book = new ConnectionBook("tcp");
  book.apply(closed(9));
  assert.deepEqual([book.rows.get(9).opened_at, ids(book, "closed", "id", true)], ["2026-11-23T09:59:58.000Z", [9]]);
});

test("what the server no longer lists is gone", () => {
  const book = new ConnectionBook("tcp");
  book.load([listed(1), listed(2), listed(3)]);
  book.keepOpen(new Set([2]), 2);
  assert.deepEqual([ids(book, "open", "id", true), book.open], [[3, 2], 2], "3 came after the list was asked for");
});

test("rows are filtered and ordered", () => {
  const book = new ConnectionBook("tcp");
  book.load([listed(3, { bytes: { in: 50, out: 0 } }), listed(2, { bytes: { in: 90, out: 0 } }), listed(10)]);
  book.apply(closed(2));
  assert.deepEqual(ids(book, "open", "id", true), [10, 3]);
  assert.deepEqual(ids(book, "all", "in", true), [3, 2, 10]);
  assert.deepEqual(ids(book, "all", "peer", false), [2, 3, 10], "ports are numbers");
  assert.deepEqual(ids(book, "all", "id", true, ":10"), [10]);
  assert.deepEqual(ids(book, "all", "id", true, "client_"), [2]);
});

test("what came while a list was held still is counted", () => {
  const book = new ConnectionBook("tcp");
  book.load([listed(1), listed(2)]);
  const before = book.newest;
  book.apply(event("opened", 3));
  book.apply(event("opened", 4));
  book.apply(closed(4));
  assert.deepEqual([book.cameSince(before, "open"), book.cameSince(before, "all"), book.cameSince(book.newest, "all")], [1, 2, 0]);
});

test("it is bounded: closed ones go first", () => {
  const book = new ConnectionBook("tcp", 3);
  for (const id of [1, 2, 3]) book.apply(event("opened", id));
  book.apply(closed(2));
  book.apply(event("opened", 4));
  assert.deepEqual(ids(book, "all", "id", false), [1, 3, 4]);
  book.apply(event("opened", 5));
  assert.deepEqual([ids(book, "all", "id", false), book.open], [[3, 4, 5], 3]);
});
