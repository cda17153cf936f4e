import assert from "node:assert/strict";
import { test } from "node:test";
import { asCurl, asNetcat, asPython, dialled, tryCommand } from "../../static/js/lib/commands.js";

const service = (address, handler = "echo") => ({ name: "s", address: "tcp://127.0.0.1:0", handler, status: { address } });
const bytes = new TextEncoder().encode("it's 100%\\\r\n\0");

test("each transport has its command", () => {
  assert.equal(tryCommand(service("tcp://127.0.0.1:7007")), "nc 127.0.0.1 7007");
  assert.equal(tryCommand(service("udp://127.0.0.1:7013")), "nc -u 127.0.0.1 7013");
  assert.equal(tryCommand(service("unix:///run/my lobby.sock")), "nc -U '/run/my lobby.sock'");
  assert.equal(tryCommand(service("unixgram:///run/sink.sock")), "socat - UNIX-SENDTO:/run/sink.sock,bind=/tmp/socketdeck-client.sock");
  assert.equal(tryCommand(service("tcp://[::1]:80", "http")), "curl http://[::1]:80/");
  assert.equal(tryCommand(service("unix:///w.sock", "http")), "curl --unix-socket /w.sock http://localhost/");
  assert.equal(tryCommand(service("tcp://127.0.0.1:37", "time")), "nc 127.0.0.1 37 | xxd");
});

test("where any datagram is answered the command sends one", () => {
  assert.equal(tryCommand(service("udp://127.0.0.1:7017", "qotd")), "echo | nc -u -w 1 127.0.0.1 7017");
  assert.equal(tryCommand(service("udp://127.0.0.1:37", "time")), "echo | nc -u -w 1 127.0.0.1 37 | xxd");
  assert.equal(
    tryCommand(service("unixgram:///run/day.sock", "daytime")),
    "echo | socat -t 1 - UNIX-SENDTO:/run/day.sock,bind=/tmp/socketdeck-client.sock",
  );
  assert.equal(tryCommand(service("udp://127.0.0.1:7", "upper")), "nc -u 127.0.0.1 7", "one types");
});

test("an address for everybody is dialled at this machine", () => {
  assert.equal(dialled("tcp://0.0.0.0:7").host, "127.0.0.1");
  assert.equal(dialled("tcp://:7").host, "127.0.0.1");
  assert.equal(dialled("tcp://[::]:7").host, "::1");
});

test("an exchange is copied to the byte", () => {
  assert.equal(asNetcat(service("tcp://127.0.0.1:7"), bytes, 2.5), "printf 'it\\047s 100\\045\\134\\r\\n\\000' | nc -w 3 127.0.0.1 7");
  assert.equal(asNetcat(service("tcp://127.0.0.1:7"), new Uint8Array(), 5), "nc -w 5 127.0.0.1 7");
});

test("python speaks each transport on the standard library alone", () => {
  const stream = asPython(service("tcp://[::1]:7"), bytes, 5);
  assert.ok(stream.includes("socket.AF_INET6, socket.SOCK_STREAM"));
  assert.ok(stream.includes(`client.sendall(b"it's 100%\\\\\\r\\n\\x00")`));
  const gram = asPython(service("unixgram:///s"), bytes, 5);
  assert.ok(gram.includes('client.bind("/tmp/socketdeck-client.sock")') && gram.includes('client.connect("/s")'));
});

test("curl asks the panel's own client", () => {
  const command = asCurl(service("tcp://127.0.0.1:7"), { data: "aGk=", encoding: "base64", timeout: 5 }, "http://127.0.0.1:5080");
  assert.ok(command.includes("http://127.0.0.1:5080/api/v1/services/s/try"));
  assert.ok(command.includes(`'{"data":"aGk=","encoding":"base64","timeout":5}'`));
});
