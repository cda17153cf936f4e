// @ts-check
/** A conversation in which nothing stands: why, and what would change that. */

import { html } from "htm/preact";
import { Empty } from "../kit.js";
import { plural, size } from "../../lib/format.js";

/** @import { Connection, Service } from "../../types.js" */

/** @param {{connection: Connection, service: Service|null}} props */
export function ConversationEmpty({ connection, service }) {
  const { bytes, messages } = connection;
  const moved = bytes.in + bytes.out > 0;
  if (moved) {
    const count = messages.in + messages.out;
    return html`<${Empty}
      title="Nothing of it was recorded"
      text=${`${size(bytes.in)} came in and ${size(bytes.out)} went out${count ? ` in ${plural(count, "message")}` : ""}. ${
        service && connection.state === "open"
          ? "What is said from now on appears here if the service captures payloads."
          : "The service did not capture payloads then, or history has let go of them."
      }`}
    />`;
  }
  if (connection.state === "closed")
    return html`<${Empty}
      title="Nothing was said"
      text="It was opened and ended, and neither side sent a byte."
    />`;
  return html`<${Empty}
    title="Nothing said yet"
    text="What the peer and the service send appears here the moment it is received and sent. You can say something yourself below."
  />`;
}
