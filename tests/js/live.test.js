import assert from "node:assert/strict";
import { test } from "node:test";
import { Live } from "../../static/js/live.js";

/** A Socket.IO client as far as Live uses one; answers are given by hand. */
class FakeSocket {
  handlers = {};
  sent = [];
  connects = 0;
  disconnects = 0;
  active = true;
  on(name, handler) {
    this.handlers[name] = handler;
  }
  emit(name, ...args) {
    this.sent.push([name, ...args]);
  }
  connect() {
    this.connects += 1;
  }
  disconnect() {
    this.disconnects += 1;
  }
  happens(name, ...args) {
    this.handlers[name](...args);
  }
  /** The last subscription's arguments. */
  get asked() {
    return this.sent.filter(([name]) => name === "subscribe").at(-1)?.[1];
  }
}

function link() {
  const socket = new FakeSocket();
  const paints = [];
  let time = 1000;
  const renewals = [];
  const live = new Live(socket, {
    painted: (then) => paints.push(then), now: () => (time += 5), renew: () => renewals.push(time),
  });
  const got = { snapshots: [], seqs: [], frames: 0, refused: [] };
  const reader = {
    onSnapshot: (snapshot) => got.snapshots.push(snapshot),
    onFrame: (frame) => {
      got.frames += 1;
      got.seqs.push(...frame.events.map((event) => event.seq));
    },
    onRefused: (why) => got.refused.push(why),
  };
  return { socket, live, paints, renewals, got, reader };
}

const frame = (from, to, more = {}) => ({
  topic: "service", name: "echo", seq_from: from, seq_to: to, folded: { count: 0 },
  events: Array.from({ length: to - from + 1 }, (_, at) => ({ seq: from + at, kind: "x", data: {} })), ...more,
});

test("a topic subscribed to before the link is up is asked for when it is", () => {
  const { socket, live, got, reader } = link();
  live.subscribe("service", { name: "echo" }, 7, reader);
  assert.equal(socket.sent.length, 0);
  socket.happens("connect");
  assert.deepEqual(socket.asked, { topic: "service", name: "echo", after: 7 });
  socket.sent[0][2]({ ok: true, snapshot: { state: "running" }, seq: 9 });
  assert.deepEqual(got.snapshots, [{ state: "running" }]);
  assert.equal(live.state.value.is, "live");
  assert.ok(live.state.value.latency > 0);
});

test("a frame is acknowledged once the page was painted with it", () => {
  const { socket, live, paints, reader } = link();
  live.subscribe("service", { name: "echo" }, 0, reader);
  socket.happens("connect");
  let acknowledged = 0;
  socket.happens("frame", frame(1, 2), () => (acknowledged += 1));
  assert.equal(acknowledged, 0);
  paints[0]();
  assert.equal(acknowledged, 1);
});

test("a reader that throws still acknowledges, or the link would end", () => {
  const { socket, live, paints } = link();
  live.subscribe("service", { name: "echo" }, 0, { onFrame: () => { throw new Error("bug"); } });
  socket.happens("connect");
  assert.throws(() => socket.happens("frame", frame(1, 1), () => {}));
  assert.equal(paints.length, 1);
});

test("after a lost link it asks for what came since, and passes nothing on twice", () => {
  const { socket, live, got, reader } = link();
  live.subscribe("service", { name: "echo" }, 0, reader);
  socket.happens("connect");
  socket.happens("frame", frame(1, 5), () => {});
  socket.happens("disconnect", "transport close");
  assert.equal(live.state.value.is, "lost");
  socket.happens("connect");
  assert.equal(socket.asked.after, 5);
  socket.happens("frame", frame(4, 8), () => {});
  assert.deepEqual(got.seqs, [1, 2, 3, 4, 5, 6, 7, 8]);
});

test("a frame speaks for numbers that are not its topic's", () => {
  const { socket, live, reader } = link();
  live.subscribe("service", { name: "echo" }, 0, reader);
  socket.happens("connect");
  socket.happens("frame", frame(1, 1, { seq_to: 40 }), () => {});
  socket.happens("disconnect", "ping timeout");
  socket.happens("connect");
  assert.equal(socket.asked.after, 40);
});

test("frames find their topic by name or id", () => {
  const { socket, live, got, reader } = link();
  live.subscribe("service", { name: "echo" }, 0, reader);
  socket.happens("connect");
  socket.happens("frame", frame(1, 1, { name: "other" }), () => {});
  assert.equal(got.frames, 0);
});

test("lost says since when, however often it fails to come back", () => {
  const { socket, live } = link();
  socket.happens("connect");
  socket.happens("disconnect", "transport close");
  const since = live.state.value.since;
  socket.happens("connect_error", new Error("refused"));
  socket.happens("connect_error", new Error("refused"));
  assert.deepEqual([live.state.value.is, live.state.value.since], ["lost", since]);
});

test("a try of the reader's breaks off the pause between two tries, and never a link that is up", () => {
  const { socket, live } = link();
  live.retry();
  assert.deepEqual([socket.disconnects, socket.connects], [1, 1]);
  socket.happens("connect");
  live.retry();
  assert.deepEqual([socket.disconnects, socket.connects], [1, 1]);
});

test("a link that the server ended is opened again; one it refuses says so", () => {
  const { socket, live } = link();
  socket.happens("connect");
  socket.happens("disconnect", "io server disconnect");
  assert.equal(socket.connects, 1);
  socket.active = false;
  socket.happens("connect_error", new Error("sign in first"));
  assert.deepEqual([live.state.value.is, live.state.value.why], ["refused", "sign in first"]);
});

test("who is signed out is told apart, and gets a new page once signed in again", () => {
  const { socket, live, renewals } = link();
  socket.happens("connect");
  socket.happens("disconnect", "transport close");
  const since = live.state.value.since;
  socket.active = false;
  socket.happens("connect_error", Object.assign(new Error("sign in"), { data: { status: 401 } }));
  assert.deepEqual([live.state.value.is, live.state.value.since], ["signed-out", since]);
  live.retry();
  assert.deepEqual([socket.connects, renewals.length], [1, 0]);
  socket.happens("connect");
  assert.equal(renewals.length, 1, "what the page calls with is of the session that ended");
  assert.equal(live.up, false);
});

test("a topic that was left is not asked for again", () => {
  const { socket, live, got, reader } = link();
  const leave = live.subscribe("service", { name: "echo" }, 0, reader);
  socket.happens("connect");
  leave();
  assert.deepEqual(socket.sent.at(-1), ["unsubscribe", { topic: "service", name: "echo" }]);
  socket.happens("frame", frame(1, 1), () => {});
  assert.equal(got.frames, 0);
});

test("a topic that is refused tells its reader why", () => {
  const { socket, live, got, reader } = link();
  live.subscribe("service", { name: "gone" }, 0, reader);
  socket.happens("connect");
  socket.sent[0][2]({ ok: false, error: "there is no service gone" });
  assert.deepEqual(got.refused, ["there is no service gone"]);
});

test("from now on: what is seen begins with the answer", () => {
  const { socket, live, got, reader } = link();
  socket.happens("connect");
  live.subscribe("events", {}, null, reader);
  assert.equal("after" in socket.asked, false);
  socket.sent.at(-1)[2]({ ok: true, snapshot: null, seq: 40 });
  socket.happens("frame", frame(39, 42, { topic: "events", name: undefined }), () => {});
  assert.deepEqual(got.seqs, [41, 42]);
  socket.happens("disconnect");
  socket.happens("connect");
  assert.equal(socket.asked.after, 42);
});

test("another filter takes the place of the last, whose frames on their way are not taken for its own", () => {
  const { socket, live, got, reader } = link();
  const late = { snapshots: 0, onSnapshot: () => (late.snapshots += 1), onFrame: () => assert.fail("this is over") };
  socket.happens("connect");
  live.subscribe("events", { filter: "kind:data" }, null, late);
  const answer = socket.sent.at(-1)[2];
  live.subscribe("events", { filter: "kind:error" }, null, reader);
  answer({ ok: true, snapshot: null, seq: 3 });
  const of = (filter, from) => frame(from, from, { topic: "events", name: undefined, filter });
  socket.happens("frame", of("kind:data", 4), () => {});
  socket.happens("frame", of("kind:error", 5), () => {});
  assert.deepEqual([got.seqs, late.snapshots], [[5], 0]);
});
