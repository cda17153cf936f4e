// @ts-check
/** Where the lanes of the past come from: the panel's REST interface. */

import { get, query } from "../api.js";

/** @import { Source } from "./lane-past.js" */

const LIMIT = 500;

/** @param {number} seconds */
const moment = (seconds) => new Date(seconds * 1000).toISOString();

/** @param {string} service @returns {Source} */
export const pastOf = (service) => ({
  connections: async (from, to) => {
    const asked = { closed_after: moment(from), opened_before: moment(to) };
    return (await get(`/connections${query({ service, state: "all", limit: LIMIT, ...asked })}`)).items;
  },
  data: async (from, to) => {
    const asked = { kind: "connection.data", at: moment(to), limit: LIMIT };
    const { items } = await get(`/events${query({ service, ...asked })}`);
    return items
      .filter((/** @type {any} */ event) => Date.parse(event.time) / 1000 >= from)
      .reverse();
  },
});
