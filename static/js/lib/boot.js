// @ts-check
/** What the server put into the page: the first data, so that nothing is asked for twice. */

/** @type {any} */
export const boot = JSON.parse(document.getElementById("boot")?.textContent || "{}");

/** @param {string} name */
const meta = (name) =>
  document.querySelector(`meta[name="${name}"]`)?.getAttribute("content") ?? "";

export const csrfToken = meta("csrf-token");
export const page = document.body.dataset["page"] ?? "";
/** Whether somebody is signed in: the sign-in page and its errors have no live link. */
export const signedIn = document.body.dataset["signedIn"] !== undefined;
