// @ts-check
/** What the kernel says of a live TCP connection, and what went by, each with its last minute. */

import { html } from "htm/preact";
import { Figure, Figures } from "./spark.js";
import { now } from "../lib/clock.js";
import { number, plural, sizeParts, span, spanParts } from "../lib/format.js";

/** @import { Connection } from "../types.js" */
/** @import { Meter } from "../lib/series.js" */

/** The counters and levels that a connection's meter takes. */
export const COUNTERS = ["in", "out"];
export const LEVELS = ["rtt", "retransmits", "send", "receive", "window"];

/** @param {Connection} connection @returns {Record<string, number>} */
export function figuresOf({ bytes, kernel }) {
  return {
    in: bytes.in,
    out: bytes.out,
    rtt: kernel?.rtt ?? Number.NaN,
    retransmits: kernel?.retransmits ?? Number.NaN,
    send: kernel?.send_queue ?? Number.NaN,
    receive: kernel?.receive_queue ?? Number.NaN,
    window: kernel?.congestion_window ?? Number.NaN,
  };
}

/** @param {number} value @returns {[string, string]} */
const asRate = (value) => {
  const [text, unit] = sizeParts(value);
  return [text, unit && `${unit}/s`];
};
/** @param {number} value @returns {[string, string]} */
const asCount = (value) => [number(value), ""];

/** @param {{connection: Connection, meter: Meter}} props */
export function KernelFigures({ connection, meter }) {
  void now.value;
  const { kernel } = connection;
  const recent = (/** @type {string} */ key) => {
    const mean = meter.of(key).mean(2);
    return Number.isNaN(mean) ? 0 : mean;
  };
  const queue = (/** @type {string} */ label, /** @type {"send"|"receive"} */ key, /** @type {string} */ title) => {
    const value = kernel?.[`${key}_queue`] ?? Number.NaN;
    return html`<${Figure} label=${label} value=${value} series=${meter.of(key)} show=${sizeParts} floor=${1024} title=${title} />`;
  };
  return html`<${Figures} label="Figures">
    <${Figure}
        label="In"
        value=${recent("in")}
        series=${meter.of("in")}
        show=${asRate}
        tone="in"
        floor=${64}
        title=${`${number(connection.bytes.in)} B in all`}
      />
    <${Figure}
        label="Out"
        value=${recent("out")}
        series=${meter.of("out")}
        show=${asRate}
        tone="out"
        floor=${64}
        title=${`${number(connection.bytes.out)} B in all`}
      />
    ${
      kernel &&
      html`<${Figure}
            label="Round trip"
            value=${kernel.rtt}
            series=${meter.of("rtt")}
            show=${spanParts}
            floor=${0.0005}
            title=${`give or take ${span(kernel.rtt_variance)}, as the kernel measures it`}
          />
          <${Figure}
            label="Retransmits"
            value=${kernel.retransmits}
            series=${meter.of("retransmits")}
            show=${asCount}
            tone=${kernel.retransmits ? "bad" : ""}
            floor=${4}
            title=${`${plural(kernel.retransmits, "segment")} sent again since it was opened`}
          />
          ${queue("Send queue", "send", "sent, and not yet acknowledged by the peer")}
          ${queue("Receive queue", "receive", "come in, and not yet read by the handler")}
          <${Figure}
            label="Congestion window"
            value=${kernel.congestion_window}
            series=${meter.of("window")}
            show=${asSegments}
            floor=${20}
            title="segments that may be on their way at once"
          />`
    }
  </${Figures}>`;
}

/** @param {number} value @returns {[string, string]} */
const asSegments = (value) => [number(value), Number.isNaN(value) ? "" : "segments"];
