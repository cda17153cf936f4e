// @ts-check
/**
 * What is known of the handler that is typed: from the catalogue, or asked of the server as one
 * types.
 */

import { useEffect, useState } from "preact/hooks";
import { ApiError, call } from "../../api.js";

/** @import { Handler } from "../../types.js" */

const CHECK_AFTER_MS = 400;

/**
 * @typedef {object} Checked  what is known of the handler that is typed
 * @property {"none"|"checking"|"found"|"wrong"} is
 * @property {string} [why]
 * @property {string|null} [traceback]
 * @property {Handler} [handler]
 */

/**
 * The handler's description: from the catalogue, or asked of the server.
 * @param {string} name
 * @param {boolean} own
 * @param {Handler[]} handlers
 * @returns {Checked}
 */
export function useHandler(name, own, handlers) {
  const listed = handlers.find((handler) => handler.name === name);
  const [answer, setAnswer] = useState(
    /** @type {{name: string, checked: Checked}} */ ({ name: "", checked: { is: "none" } }),
  );
  const wanted = name.trim();
  const ask = own && wanted !== "" && !listed;
  useEffect(() => {
    if (!ask) return undefined;
    const abort = new AbortController();
    const timer = setTimeout(async () => {
      setAnswer({ name: wanted, checked: { is: "checking" } });
      try {
        const { body } = await call(
          "POST",
          "/handlers/check",
          { handler: wanted },
          { signal: abort.signal },
        );
        setAnswer({
          name: wanted,
          checked: {
            is: "found",
            handler: {
              name: wanted,
              title: wanted,
              description: "",
              transports: [],
              source: "file",
              ...body,
            },
          },
        });
      } catch (error) {
        if (abort.signal.aborted) return;
        const why =
          error instanceof ApiError ? (error.errors[0]?.detail ?? error.message) : String(error);
        setAnswer({ name: wanted, checked: { is: "wrong", why } });
      }
    }, CHECK_AFTER_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [wanted, ask]);
  if (listed) return { is: "found", handler: listed };
  if (!ask) return { is: "none" };
  return answer.name === wanted ? answer.checked : { is: "checking" };
}
