import assert from "node:assert/strict";
import { test } from "node:test";
import { Conversation } from "../../static/js/lib/conversation/conversation.js";
import { Search } from "../../static/js/lib/conversation/search.js";
import { parseNeedle } from "../../static/js/lib/conversation/needle.js";

const base64 = (text) => Buffer.from(text).toString("base64");
const item = (seq, text = `m${seq}`, more = {}) => ({ seq, time: "2026-11-23T10:00:00.000000Z", direction: seq % 2 ? "in" : "out", length: Buffer.byteLength(text), data: base64(text), truncated: false, count: 1, injected: false, ...more });
const event = (seq, text, more) => ({ seq, time: "2026-11-23T10:00:00.000000Z", service: "echo", connection: 1, kind: "connection.data", data: item(seq, text, more) });

/** The messages 1 to `count` as REST lists them; grows with `add`. */
function history(count) {
  const all = Array.from({ length: count }, (_, at) => item(at + 1));
  const asked = [];
  const ask = async ({ before, after, limit }) => {
    asked.push({ before, after, limit });
    if (before !== undefined) {
      const found = all.filter((one) => one.seq < before);
      return { items: found.slice(-limit), next_cursor: found.length > limit ? "more" : null };
    }
    const found = all.filter((one) => one.seq > (after ?? 0));
    return { items: found.slice(0, limit), next_cursor: found.length > limit ? "more" : null };
  };
  return { all, ask, asked, add: (one) => all.push(one) };
}

const seqs = (conversation) => conversation.entries.map((entry) => entry.seq);
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, at) => from + at);

async function begun(count, bounds) {
  const rest = history(count);
  const conversation = new Conversation(rest.ask, bounds);
  conversation.begin(await rest.ask({ before: 1e9, limit: 200 }), []);
  return { rest, conversation };
}

test("what comes is put on, once", async () => {
  const { conversation } = await begun(3);
  conversation.push([event(3), event(4), event(5)]);
  conversation.push([event(5), event(6)]);
  assert.deepEqual(seqs(conversation), [1, 2, 3, 4, 5, 6]);
});

test("while it is held, what comes is counted and not put on; then it is, without a gap", async () => {
  const { conversation } = await begun(2);
  conversation.hold("button");
  conversation.push([event(3), event(4, "x", { count: 10 })]);
  assert.deepEqual([seqs(conversation), conversation.missed], [[1, 2], 11]);
  await conversation.release("scroll");
  assert.equal(conversation.held, "button", "scrolling does not undo the button");
  await conversation.release();
  assert.deepEqual([seqs(conversation), conversation.missed], [[1, 2, 3, 4], 0]);
});

test("what does not wait here is read from history once it is wanted", async () => {
  const { rest, conversation } = await begun(2);
  conversation.hold("button");
  for (const seq of range(3, 900)) {
    rest.add(item(seq));
    conversation.push([event(seq)]);
  }
  assert.equal(conversation.missed, 898);
  assert.ok(conversation.waiting.length <= 500);
  await conversation.release();
  assert.deepEqual(seqs(conversation).slice(-1), [900]);
  assert.deepEqual(seqs(conversation), range(701, 900));
  assert.equal(conversation.hasOlder, true);
});

test("one reads back through all of it and forth again, within the bound", async () => {
  const { rest, conversation } = await begun(2_000, { entries: 600 });
  conversation.hold("scroll");
  while (conversation.hasOlder) {
    await conversation.older();
    assert.ok(conversation.entries.length <= 600);
  }
  assert.deepEqual(seqs(conversation).slice(0, 2), [1, 2]);
  assert.equal(conversation.hasNewer, true);
  rest.add(item(2_001));
  conversation.push([event(2_001)]);
  assert.equal(conversation.missed, 1);
  while (conversation.hasNewer) {
    await conversation.newer();
    assert.ok(conversation.entries.length <= 600);
  }
  await conversation.release("scroll");
  const held = seqs(conversation);
  assert.deepEqual(held, range(held[0], 2_001));
});

test("memory is bounded by bytes as well, and the last message stays", async () => {
  const { conversation } = await begun(0, { bytes: 10_000 });
  for (const seq of range(1, 50)) conversation.push([event(seq, "x".repeat(900))]);
  assert.ok(conversation.weight <= 10_000);
  assert.equal(seqs(conversation).at(-1), 50);
  conversation.push([event(51, "x".repeat(50_000))]);
  assert.deepEqual(seqs(conversation), [51]);
});

test("to the beginning, and to a message in the middle", async () => {
  const { conversation } = await begun(1_000);
  await conversation.toStart();
  assert.deepEqual(seqs(conversation), range(1, 200));
  await conversation.toSeq(500);
  assert.ok(conversation.holds(500));
  assert.deepEqual(seqs(conversation), range(400, 699));
  await conversation.toEnd();
  assert.equal(seqs(conversation).at(-1), 1_000);
  assert.equal(conversation.isLive, true);
});

test("errors and what the handler printed stand where they happened", async () => {
  const rest = history(4);
  const conversation = new Conversation(rest.ask);
  const log = { ...event(2.5), kind: "service.log", data: { text: "hello" } };
  const sent = { ...event(2.6), kind: "audit", data: { action: "connection.send" } };
  conversation.begin(await rest.ask({ before: 1e9, limit: 200 }), [log, sent]);
  assert.deepEqual(seqs(conversation), [1, 2, 2.5, 3, 4]);
  conversation.push([{ ...event(5), kind: "connection.closed", data: {} }, { ...event(6), kind: "connection.error", data: {} }]);
  assert.deepEqual(seqs(conversation), [1, 2, 2.5, 3, 4, 6]);
});

test("what a frame cut off is had whole from history", async () => {
  const { rest, conversation } = await begun(1);
  const whole = "x".repeat(5_000);
  rest.add(item(2, whole));
  conversation.push([event(2, "x".repeat(1024), { length: 5_000, truncated: true })]);
  await new Promise((done) => setImmediate(done));
  assert.equal(conversation.entries.at(-1).bytes.length, 5_000);
  assert.equal(conversation.entries.at(-1).truncated, false);
});

test("a page that cannot be had is told, and the rest stands", async () => {
  const { conversation } = await begun(500);
  conversation.hold("scroll");
  conversation.ask = async () => {
    throw new Error("the panel does not answer");
  };
  await conversation.older();
  assert.equal(conversation.problem, "the panel does not answer");
  assert.equal(conversation.entries.length, 200);
  assert.equal(conversation.loading, false);
});

test("a search goes through all of it, steps around, and goes on with what comes", async () => {
  const rest = history(1_200);
  rest.all[700].data = base64("a Needle and a needle");
  rest.all[10].data = base64("needle");
  const search = new Search(rest.ask);
  await search.start(parseNeedle("needle", "text"));
  assert.deepEqual(search.hits, [{ seq: 11, offset: 0 }, { seq: 701, offset: 2 }, { seq: 701, offset: 15 }]);
  assert.equal(search.searched, 1_200);
  assert.deepEqual(search.step(1, 600), { seq: 701, offset: 2 });
  assert.deepEqual(search.step(1, 0), { seq: 701, offset: 15 });
  assert.deepEqual(search.step(1, 0), { seq: 11, offset: 0 });
  assert.deepEqual(search.step(-1, 0), { seq: 701, offset: 15 });
  rest.add(item(1_201, "one more needle"));
  await search.goOn();
  assert.equal(search.hits.length, 4);
});

test("a search that another one follows leaves nothing behind", async () => {
  const rest = history(2_000);
  const search = new Search(rest.ask);
  const first = search.start(parseNeedle("m1", "text"));
  await search.start(parseNeedle("m2000", "text"));
  await first;
  assert.deepEqual(search.hits, [{ seq: 2_000, offset: 0 }]);
  await search.start(null);
  assert.deepEqual([search.hits, search.running], [[], false]);
});

test("hits are bounded, and it says that there are more", async () => {
  const search = new Search(history(3_000).ask, 100);
  await search.start(parseNeedle("m", "text"));
  assert.deepEqual([search.hits.length, search.isFull, search.running], [100, true, false]);
});
