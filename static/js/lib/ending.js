// @ts-check
/** Closing and resetting one connection, having said what that hits. */

import { call, get, query } from "../api.js";
import { confirm } from "../components/dialog.js";
import { toast, toastError } from "../components/toast.js";
import { plural, size } from "./format.js";
import { visibleText } from "./payload.js";
import { isDatagram } from "./states.js";

/** @import { Connection } from "../types.js" */

/** Only TCP knows a reset. @param {Connection} connection */
export const canReset = (connection) => connection.transport === "tcp";

/**
 * What a dialog asks before it.
 * @param {Connection} connection
 * @param {"close"|"reset"} how
 */
export function questionOf(connection, how) {
  const flow = isDatagram(connection.transport);
  const peer = connection.peer === null ? "an unnamed peer" : visibleText(connection.peer);
  const so = flow
    ? "What the peer still sends begins a new flow."
    : how === "reset"
      ? "Both ends get an error (RST), and what is on its way is thrown away."
      : "The handler sees the end of the stream, and the peer is told (FIN).";
  const verb = flow ? "Forget flow" : how === "reset" ? "Reset connection" : "Close connection";
  const had = plural(connection.messages.in + connection.messages.out, "message");
  const sum = size(connection.bytes.in + connection.bytes.out);
  return {
    title: `${verb} #${connection.id}?`,
    body: `It is from ${peer} to ${connection.service}, with ${had} and ${sum} so far. ${so}`,
    act: `${verb} #${connection.id}`,
  };
}

/**
 * Ask, then end it; `onDone` with it as it then stands.
 * @param {Connection} connection
 * @param {"close"|"reset"} how
 * @param {(connection: Connection) => void} onDone
 * @param {() => void} onAgreed
 */
export async function endConnection(connection, how, onDone, onAgreed) {
  if (!(await confirm(questionOf(connection, how)))) return;
  onAgreed();
  const { id } = connection;
  try {
    const { body } = await call("DELETE", `/connections/${id}${query({ how })}`);
    onDone(body);
    if (body.state === "open")
      toast({ tone: "info", text: `#${id} is being closed; its handler has not let go of it yet` });
    else toast({ text: `${how === "reset" ? "Reset" : "Closed"} #${id}` });
  } catch (error) {
    toastError(error, `#${id} was not closed`);
    // It may have closed by itself meanwhile.
    get(`/connections/${id}`).then(onDone, () => {});
  }
}
