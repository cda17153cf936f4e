// @ts-check
/** What the browser keeps for the reader: small, and never needed (storage may be refused). */

/** @param {Storage|undefined} storage @param {string} key @param {any} otherwise */
function read(storage, key, otherwise) {
  try {
    const text = storage?.getItem(`socketdeck.${key}`);
    return text === null || text === undefined ? otherwise : JSON.parse(text);
  } catch {
    return otherwise;
  }
}

/** @param {Storage|undefined} storage @param {string} key @param {any} value */
function write(storage, key, value) {
  try {
    storage?.setItem(`socketdeck.${key}`, JSON.stringify(value));
  } catch {
    // Full or refused: it is a convenience.
  }
}

const local = () => globalThis.localStorage;
const session = () => globalThis.sessionStorage;

/** Kept over visits. */
export const preference = {
  /** @param {string} key @param {any} otherwise */
  get: (key, otherwise) => read(local(), key, otherwise),
  /** @param {string} key @param {any} value */
  set: (key, value) => write(local(), key, value),
};

/** Kept from page to page in this tab. */
export const carried = {
  /** @param {string} key @param {any} otherwise */
  get: (key, otherwise) => read(session(), key, otherwise),
  /** @param {string} key @param {any} value */
  set: (key, value) => write(session(), key, value),
  /** Read it once. @param {string} key */
  take(key) {
    const value = read(session(), key, null);
    try {
      session()?.removeItem(`socketdeck.${key}`);
    } catch {
      // As above.
    }
    return value;
  },
};
