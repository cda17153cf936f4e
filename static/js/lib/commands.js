// @ts-check
/** A command that talks to a service, for each way it may listen; every function is pure. */

import { isDatagram, schemeOf, shownAddress } from "./states.js";

/** @import { Service } from "../types.js" */

/**
 * Host and port, or path, of an address; every-address hosts become one that can be dialled.
 * @param {string} address
 * @returns {{scheme: string, host: string, port: string, path: string}}
 */
export function dialled(address) {
  const scheme = schemeOf(address);
  const rest = address.slice(scheme.length + 3);
  if (scheme.startsWith("unix")) return { scheme, host: "", port: "", path: rest };
  const colon = rest.lastIndexOf(":");
  const host = rest.slice(0, colon).replace(/^\[|\]$/g, "");
  const port = rest.slice(colon + 1);
  if (host === "" || host === "0.0.0.0") return { scheme, host: "127.0.0.1", port, path: "" };
  return { scheme, host: host === "::" ? "::1" : host, port, path: "" };
}

/** One word of a shell command. @param {string} word */
export function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** What the answer goes through, where it is no text or has no end. */
/** @type {Record<string, string>} */
const STREAM_PIPES = { time: " | xxd", chargen: " | head -n 5" };

/** Handlers that answer any datagram with something of their own: an empty line asks them. */
const ANSWERS = new Set(["chargen", "daytime", "greeting", "qotd", "time"]);
/** What their answers go through. */
/** @type {Record<string, string>} */
const DATAGRAM_PIPES = { time: " | xxd" };

/**
 * The shortest command that shows the service at work. Over datagrams nothing happens before the
 * client has sent one: where any will do the command sends it, elsewhere one types.
 * @param {Service} service
 */
export function tryCommand(service) {
  const { scheme, host, port, path } = dialled(shownAddress(service));
  const handler = service.handler ?? "";
  if (handler === "http") {
    if (scheme === "tcp") return `curl http://${host.includes(":") ? `[${host}]` : host}:${port}/`;
    if (scheme === "unix") return `curl --unix-socket ${quoted(path)} http://localhost/`;
  }
  if (scheme === "tcp") return `nc ${host} ${port}${STREAM_PIPES[handler] ?? ""}`;
  if (scheme === "unix") return `nc -U ${quoted(path)}${STREAM_PIPES[handler] ?? ""}`;
  const asked = ANSWERS.has(handler);
  const pipe = DATAGRAM_PIPES[handler] ?? "";
  if (scheme === "udp")
    return asked ? `echo | nc -u -w 1 ${host} ${port}${pipe}` : `nc -u ${host} ${port}`;
  const peer = quoted(`UNIX-SENDTO:${path},bind=/tmp/socketdeck-client.sock`);
  return asked ? `echo | socat -t 1 - ${peer}${pipe}` : `socat - ${peer}`;
}

/** Bytes as the argument of the shell's printf. @param {Uint8Array} bytes */
function printfWord(bytes) {
  let out = "";
  for (const byte of bytes) {
    const char = String.fromCharCode(byte);
    if (byte === 10) out += "\\n";
    else if (byte === 13) out += "\\r";
    else if (byte === 9) out += "\\t";
    else if (char === "\\" || char === "%" || char === "'")
      out += `\\${byte.toString(8).padStart(3, "0")}`;
    else if (byte >= 0x20 && byte < 0x7f) out += char;
    else out += `\\${byte.toString(8).padStart(3, "0")}`;
  }
  return `'${out}'`;
}

/**
 * The same exchange by `nc` or, where it cannot, `socat`.
 * @param {Service} service
 * @param {Uint8Array} bytes
 * @param {number} timeout seconds
 */
export function asNetcat(service, bytes, timeout) {
  const { scheme, host, port, path } = dialled(shownAddress(service));
  const wait = Math.max(1, Math.ceil(timeout));
  const from = bytes.length ? `printf ${printfWord(bytes)} | ` : "";
  if (scheme === "tcp") return `${from}nc -w ${wait} ${host} ${port}`;
  if (scheme === "udp") return `${from}nc -u -w ${wait} ${host} ${port}`;
  if (scheme === "unix") return `${from}nc -w ${wait} -U ${quoted(path)}`;
  return `${from}socat -t ${wait} - ${quoted(`UNIX-SENDTO:${path},bind=/tmp/socketdeck-client.sock`)}`;
}

/**
 * The same exchange through the panel's own client, by `curl`.
 * @param {Service} service
 * @param {{data: string, encoding: string, timeout: number}} request
 * @param {string} origin
 */
export function asCurl(service, request, origin) {
  return [
    `curl -X POST ${quoted(`${origin}/api/v1/services/${service.name}/try`)}`,
    `  -H "Authorization: Bearer $SOCKETDECK_TOKEN"`,
    `  -H 'Content-Type: application/json'`,
    `  -d ${quoted(JSON.stringify(request))}`,
  ].join(" \\\n");
}

/** Bytes as a Python literal. @param {Uint8Array} bytes */
export function pythonBytes(bytes) {
  let out = "";
  for (const byte of bytes) {
    if (byte === 10) out += "\\n";
    else if (byte === 13) out += "\\r";
    else if (byte === 9) out += "\\t";
    else if (byte === 0x22 || byte === 0x5c) out += `\\${String.fromCharCode(byte)}`;
    else if (byte >= 0x20 && byte < 0x7f) out += String.fromCharCode(byte);
    else out += `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  return `b"${out}"`;
}

/**
 * The same exchange in Python, on the standard library alone.
 * @param {Service} service
 * @param {Uint8Array} bytes
 * @param {number} timeout seconds
 */
export function asPython(service, bytes, timeout) {
  const { scheme, host, port, path } = dialled(shownAddress(service));
  const unix = scheme.startsWith("unix");
  const family = unix ? "AF_UNIX" : host.includes(":") ? "AF_INET6" : "AF_INET";
  const kind = isDatagram(scheme) ? "SOCK_DGRAM" : "SOCK_STREAM";
  const peer = unix ? JSON.stringify(path) : `(${JSON.stringify(host)}, ${port})`;
  const lines = [
    "import socket",
    "",
    `with socket.socket(socket.${family}, socket.${kind}) as client:`,
  ];
  lines.push(`    client.settimeout(${timeout})`);
  if (scheme === "unixgram") lines.push(`    client.bind("/tmp/socketdeck-client.sock")`);
  lines.push(`    client.connect(${peer})`);
  if (isDatagram(scheme)) {
    lines.push(`    client.send(${pythonBytes(bytes)})`, "    print(client.recv(65535))");
  } else {
    if (bytes.length) lines.push(`    client.sendall(${pythonBytes(bytes)})`);
    lines.push("    print(client.recv(65536))");
  }
  return lines.join("\n");
}
