import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionList, FIRST, KEPT, LASTS_KEPT, PAGE } from "../../static/js/lib/connection-list.js";
import { DEFAULTS } from "../../static/js/lib/connection-view.js";

const AT = "2026-11-23T10:00:00.000000Z";
const LATER = "2026-11-23T10:00:01.000000Z";
const one = (id, more = {}) => ({
  id, service: "echo", transport: "tcp", state: "open", peer: `10.0.0.1:${id}`, local: null, opened_at: AT, closed_at: null, duration: 60,
  last_activity: AT, idle: 30, bytes: { in: 1, out: 2 }, messages: { in: 1, out: 1 }, close_reason: null, error: null, ...more,
});
const event = (kind, connection, data = {}, time = LATER) => ({ seq: 1, time, service: "echo", connection, kind: `connection.${kind}`, data });
const closed = (id) => event("closed", id, { reason: "killed", duration: 2, bytes: { in: 7, out: 8 }, messages: { in: 1, out: 1 } });

/** A server with so many connections, newest first, and a clock that a test moves. */
class Server {
  constructor(count) {
    this.all = Array.from({ length: count }, (_, at) => one(count - at));
    this.queries = [];
    this.time = 0;
    this.timers = [];
    this.changes = 0;
  }

  list(view = DEFAULTS) {
    return new ConnectionList(view, {
      ask: async (query) => {
        this.queries.push(query);
        if (this.failure) throw this.failure;
        const rest = query.cursor ? this.all.filter(({ id }) => id < Number(query.cursor)) : this.all;
        const items = rest.slice(0, query.limit);
        return { items, total: this.all.length, next_cursor: items.length < rest.length ? String(items.at(-1).id) : null };
      },
      changed: () => (this.changes += 1),
      now: () => this.time,
      later: (run, ms) => this.timers.push({ at: this.time + ms, run }),
    });
  }

  open(...ids) {
    for (const id of ids) this.all.unshift(one(id));
  }

  close(id) {
    this.all = this.all.filter((row) => row.id !== id);
  }

  /** Let time pass, and what is due happen. */
  async pass(ms = 10_000) {
    this.time += ms;
    const due = this.timers.filter(({ at }) => at <= this.time);
    this.timers = this.timers.filter(({ at }) => at > this.time);
    for (const { run } of due) run();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const begun = async (count, view) => {
  const server = new Server(count);
  const list = server.list(view);
  await list.show(view ?? DEFAULTS);
  server.queries = [];
  return { server, list };
};
const ids = (list, start = 0, end = list.count) => list.slice(start, end).map((row) => row?.id ?? null);

test("left alone at its top it is the server's first page, asked for when something happened", async () => {
  const { server, list } = await begun(3);
  assert.deepEqual([ids(list), list.total], [[3, 2, 1], 3]);
  server.open(4);
  list.apply([event("opened", 4), event("opened", 5)]);
  assert.equal(server.queries.length, 0);
  await server.pass();
  assert.equal(server.queries.length, 1);
  assert.deepEqual(ids(list), [4, 3, 2, 1]);
  assert.deepEqual([list.rows.get(4).fresh, list.rows.get(3).fresh], [true, false]);
  server.close(2);
  list.apply([closed(2)]);
  assert.equal(list.rows.get(2).close_reason, "killed");
  await server.pass();
  assert.deepEqual(ids(list), [4, 3, 1]);
});

test("while anything listed is open it is asked for once a second, and no more often", async () => {
  const { server, list } = await begun(2);
  for (let tick = 0; tick < 30; tick += 1) {
    list.tick();
    await server.pass(100);
  }
  assert.ok(server.queries.length >= 2 && server.queries.length <= 3, `${server.queries.length}`);
  server.all = server.all.map((row) => ({ ...row, state: "closed" }));
  list.tick();
  await server.pass();
  server.queries = [];
  list.tick();
  await server.pass();
  assert.equal(server.queries.length, 0);
});

test("asking takes a share of the server's time only", async () => {
  const { server, list } = await begun(2);
  const { ask } = list;
  list.ask = async (query) => {
    server.time += 200;
    return ask(query);
  };
  list.refresh();
  await server.pass(300);
  list.refresh();
  await server.pass(3_000);
  assert.equal(server.queries.length, 1);
  await server.pass(2_000);
  assert.equal(server.queries.length, 2);
});

test("held it keeps its rows and places, and counts what comes", async () => {
  const { server, list } = await begun(3);
  list.hold(true);
  server.open(4, 5);
  server.close(2);
  list.apply([event("opened", 4), event("opened", 5), closed(2)]);
  await server.pass();
  assert.deepEqual([ids(list), list.waiting, list.waitingMore, list.total], [[3, 2, 1], 2, false, 4]);
  assert.equal(list.rows.get(2).state, "closed");
  await list.showNew();
  assert.deepEqual([ids(list), list.waiting], [[5, 4, 3, 1], 0]);
  list.hold(false);
  server.open(6);
  list.apply([event("opened", 6)]);
  await server.pass();
  assert.deepEqual(ids(list), [6, 5, 4, 3, 1]);
});

test("where nobody looks nothing is asked for, and what was missed is when somebody does", async () => {
  const { server, list } = await begun(2);
  list.watch(false);
  server.open(3);
  list.apply([event("opened", 3)]);
  list.tick();
  await server.pass();
  assert.equal(server.queries.length, 0);
  list.watch(true);
  await server.pass();
  assert.deepEqual(ids(list), [3, 2, 1]);
});

test("more that came than a page holds are told as more", async () => {
  const { server, list } = await begun(3);
  list.hold(true);
  for (let id = 4; id < 4 + FIRST + 10; id += 1) server.open(id);
  list.refresh();
  await server.pass();
  assert.deepEqual([list.waiting, list.waitingMore], [FIRST, true]);
});

test("pages come as one looks, each row once, though the list moves on meanwhile", async () => {
  const { server, list } = await begun(1_000);
  assert.equal(list.count, FIRST);
  list.look(0, 20);
  assert.equal(server.queries.length, 0);
  list.hold(true);
  list.look(60, 80);
  list.look(61, 81);
  await server.pass(0);
  assert.equal(server.queries.length, 1);
  assert.equal(list.count, FIRST + PAGE);
  server.open(1_001, 1_002);
  list.look(330, 350);
  await server.pass(0);
  assert.equal(new Set(list.ids()).size, list.ids().length);
  assert.deepEqual(ids(list, 0, 2), [1_000, 999]);
  assert.deepEqual(ids(list, 598, 601), [402, 401]);
});

test("of very many rows those far away are forgotten, and come again", async () => {
  const { server, list } = await begun(KEPT + 5_000);
  list.hold(true);
  while (list.next !== null) {
    list.look(list.count - 20, list.count);
    await server.pass(0);
  }
  assert.equal(list.count, KEPT + 5_000);
  assert.ok(list.rows.size <= KEPT, `${list.rows.size}`);
  assert.deepEqual(ids(list, 0, 2), [null, null]);
  assert.deepEqual(ids(list, KEPT + 4_998, KEPT + 5_000), [2, 1]);
  list.look(0, 20);
  await server.pass(0);
  assert.deepEqual(ids(list, 0, 2), [KEPT + 5_000, KEPT + 4_999]);
  assert.ok(list.rows.size <= KEPT);
  assert.equal(list.count, KEPT + 5_000);
});

test("rows in sight are told anew where no event tells, and those that went unheard", async () => {
  const { server, list } = await begun(600);
  list.hold(true);
  list.look(80, 100);
  await server.pass(0);
  list.look(200, 220);
  server.all = server.all.map((row) => (row.id === 400 ? { ...row, bytes: { in: 99, out: 0 } } : row));
  server.close(399);
  list.refresh();
  await server.pass();
  await server.pass();
  assert.equal(list.rows.get(400).bytes.in, 99);
  assert.equal(list.rows.get(399).state, "closed");
  assert.equal(list.rows.get(398).state, "open");
});

test("no byte is counted twice, and nothing is opened again by an answer that is late", async () => {
  const { server, list } = await begun(1);
  list.apply([event("data", 1, { direction: "in", length: 5, data: "aGk=" }, AT)]);
  assert.deepEqual([list.rows.get(1).bytes.in, list.rows.get(1).last.length], [1, 5]);
  list.apply([event("data", 1, { direction: "in", length: 5, count: 2 })]);
  assert.deepEqual([list.rows.get(1).bytes.in, list.rows.get(1).messages.in], [6, 3]);
  list.hold(true);
  list.apply([closed(1)]);
  list.refresh();
  await server.pass();
  assert.deepEqual([list.rows.get(1).state, list.rows.get(1).bytes], ["closed", { in: 7, out: 8 }]);
});

test("the last bytes of one that is not listed yet are there when it is", async () => {
  const { server, list } = await begun(1);
  server.open(2);
  list.apply([event("opened", 2), event("data", 2, { direction: "out", length: 3, data: "aGk=" })]);
  await server.pass();
  assert.deepEqual(list.rows.get(2).last, { direction: "out", length: 3, base64: "aGk=", truncated: false });
  list.note([event("data", 1, { direction: "in", length: 9 })]);
  assert.deepEqual([list.rows.get(1).last.length, list.rows.get(1).bytes.in], [9, 1]);
  for (let id = 3; id < LASTS_KEPT + 100; id += 1) list.apply([event("data", id, { direction: "in", length: 1 })]);
  assert.equal(list.lasts.size, LASTS_KEPT);
});

test("another view shows the former rows until it is there, and drops answers to the former", async () => {
  const { server, list } = await begun(3);
  const first = list.show({ ...DEFAULTS, q: "x" });
  assert.deepEqual([ids(list), list.turning], [[3, 2, 1], true]);
  const second = list.show({ ...DEFAULTS, sort: "id", peer: "10.0.0.1" });
  await Promise.all([first, second]);
  assert.deepEqual(server.queries.at(-1), { sort: "id", peer: "10.0.0.1", limit: FIRST, cursor: null });
  assert.equal(list.turning, false);
});

test("what the server refuses is a problem, and nothing is listed; no answer at all leaves what was", async () => {
  const { server, list } = await begun(3);
  server.failure = Object.assign(new Error("gone"), { status: 0 });
  list.refresh();
  await server.pass();
  assert.deepEqual([ids(list), list.problem], [[3, 2, 1], null]);
  server.failure = Object.assign(new Error("no such key"), { status: 422, errors: [{ pointer: "/sort", detail: "no such key" }] });
  await list.show({ ...DEFAULTS, sort: "colour" });
  assert.deepEqual([list.count, list.problem.message, list.total], [0, "no such key", null]);
  server.queries = [];
  list.apply([event("opened", 4)]);
  list.refresh();
  await server.pass();
  assert.equal(server.queries.length, 0);
  server.failure = Object.assign(new Error("gone"), { status: 0 });
  await list.show(DEFAULTS);
  assert.equal(list.problem.message, "gone");
  server.failure = null;
  await server.pass();
  assert.deepEqual([list.count, list.problem], [3, null]);
});

test("a day of events keeps it as large as it is", async () => {
  const { server, list } = await begun(200);
  for (let id = 201; id < 20_201; id += 1) {
    server.all.pop();
    server.open(id);
    list.apply([event("opened", id), event("data", id, { direction: "in", length: 1 }), closed(id - 200)]);
    if (id % 100 === 0) await server.pass();
  }
  assert.ok(list.rows.size <= FIRST && list.pages.all.length === 1 && server.timers.length <= 2, `${server.timers.length}`);
});
