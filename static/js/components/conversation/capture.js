// @ts-check
/** Where a service records too little for a conversation: what is missing, and how to have it. */

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import { call } from "../../api.js";
import { Button, Notice } from "../kit.js";
import { toast, toastError } from "../toast.js";

/** @import { Connection, Service } from "../../types.js" */

const MISSING = {
  off: "Capture is off: nothing of this conversation is recorded.",
  counters: "Only counts are captured: nothing of this conversation is recorded.",
  events: "Captured without bytes: when and how much was sent, not what.",
};

/**
 * @param {{
 *   connection: Connection, service: Service|null, put: (service: Service) => void,
 * }} props
 */
export function CaptureNotice({ connection, service, put }) {
  const [busy, setBusy] = useState(false);
  if (!service || connection.state === "closed") return null;
  const level = service.status.capture?.effective ?? service.capture.level;
  const missing = MISSING[/** @type {keyof typeof MISSING} */ (level)];
  if (!missing) return null;
  const auto = service.capture.level === "auto";
  const turnOn = async () => {
    setBusy(true);
    try {
      const { body } = await call("PATCH", `/services/${service.name}`, {
        capture: { level: "payload" },
      });
      put(body);
      toast({ text: `${service.name} captures payloads from now on` });
    } catch (error) {
      toastError(error, "Capture was not changed");
    }
    setBusy(false);
  };
  return html`<${Notice}
    tone="info"
    what=${missing}
    why=${
      auto
        ? "The service is hot; capture comes back by itself once it is quieter or was looked at for a moment."
        : `Level ${level} of ${service.name} says so; switched on, it records what is said from then on.`
    }
    side=${html`<${Button} small busy=${busy} onClick=${turnOn}>Capture payloads</${Button}>`}
  />`;
}
