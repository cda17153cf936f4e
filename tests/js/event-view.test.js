import assert from "node:assert/strict";
import { test } from "node:test";
import { asCommand, asCurl, exportPath, pathOf, readView, wholeFilter } from "../../static/js/lib/event-view.js";

const NOW = { filter: "", hidden: [], at: null };
const AT = "2026-11-24T10:00:00.5Z";

test("the address says what is looked at, and reads the same", () => {
  for (const view of [
    NOW,
    { filter: 'service:echo "a&b=c #" -kind:data', hidden: [], at: AT },
    { filter: "", hidden: ["data", "log"], at: null },
    { filter: "x", hidden: ["connections", "data", "errors", "log", "service"], at: null },
  ]) {
    assert.deepEqual(readView(pathOf(view).replace("/events", "")), view);
  }
  assert.equal(pathOf(NOW), "/events");
  assert.equal(pathOf({ ...NOW, filter: "peer:10.0.0.0/8", hidden: ["data"] }), "/events?filter=peer:10.0.0.0/8&kinds=connections,errors,log,service");
  assert.equal(readView("?at=yesterday").at, null);
});

test("kinds that are left out narrow the filter, whatever it is", () => {
  assert.equal(wholeFilter(NOW), "");
  assert.equal(wholeFilter({ ...NOW, hidden: ["data", "log"] }), "-kind:data,log");
  assert.equal(wholeFilter({ ...NOW, filter: "a b ", hidden: ["data"] }), "a b -kind:data");
  assert.equal(wholeFilter({ ...NOW, filter: "a or b", hidden: ["connections"] }), "(a or b) -kind:opened,served,closed,rejected");
});

test("what is shown as a file", () => {
  assert.equal(exportPath({ ...NOW, filter: "kind:data" }, "csv", { after: 4, before: 9 }), "/api/v1/events/export?filter=kind:data&format=csv&after=4&before=9");
  assert.equal(exportPath(NOW, "ndjson", null), "/api/v1/events/export?format=ndjson");
});

test("the same by curl, with nothing for a shell to run", () => {
  const command = asCurl({ ...NOW, filter: "data:\"$(id)\" -x:'y'" }, "http://127.0.0.1:5080");
  assert.match(command, /--data-urlencode 'filter=data:"\$\(id\)" -x:'\\''y'\\'''/);
  assert.match(command, /-d follow=true$/);
  assert.match(asCurl({ ...NOW, at: AT }, "http://h"), /--data-urlencode at=2026-11-24T10:00:00\.5Z$/);
});

test("the same on the panel's own command line", () => {
  assert.equal(asCommand(NOW, "http://h:1"), ".venv/bin/socketdeck --url http://h:1 events --follow");
  assert.equal(asCommand({ ...NOW, filter: "-kind:data $(a)", at: AT }, "http://h:1"), `.venv/bin/socketdeck --url http://h:1 events --at ${AT} '-kind:data $(a)'`);
});
