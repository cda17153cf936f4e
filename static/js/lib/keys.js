// @ts-check
/** Keyboard shortcuts: single keys, and two in a row ("g s"). One table, which `?` shows. */

const NEXT_WITHIN_MS = 1200;

/**
 * @typedef {{
 *   keys: string,
 *   does: string,
 *   run: (event: KeyboardEvent) => void,
 *   group: string,
 * }} Shortcut
 */

export class Keys {
  constructor() {
    /** @type {Shortcut[]} */
    this.shortcuts = [];
    this.before = "";
    this.beforeAt = 0;
  }

  /**
   * @param {string} keys "n", "/" or "g s"
   * @param {string} does what it does, as the list says it
   * @param {(event: KeyboardEvent) => void} run
   * @param {string} [group]
   * @returns {() => void} ends it
   */
  bind(keys, does, run, group = "Everywhere") {
    const shortcut = { keys, does, run, group };
    this.shortcuts.push(shortcut);
    return () => {
      this.shortcuts = this.shortcuts.filter((other) => other !== shortcut);
    };
  }

  /**
   * Only for the list: keys that a component hears itself.
   * @param {string} keys
   * @param {string} does
   * @param {string} group
   */
  note(keys, does, group) {
    return this.bind(keys, does, () => {}, group);
  }

  /** @param {KeyboardEvent} event @param {number} [at] milliseconds */
  handle(event, at = Date.now()) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (isTyping(event.target)) return;
    const pair = at - this.beforeAt < NEXT_WITHIN_MS ? `${this.before} ${event.key}` : "";
    const found =
      this.shortcuts.findLast((one) => one.keys === pair) ??
      this.shortcuts.findLast((one) => one.keys === event.key);
    this.before = event.key;
    this.beforeAt = at;
    if (!found || found.keys.length === 0) return;
    if (found.keys === pair) this.before = "";
    found.run(event);
  }
}

/** Whether keys belong to what has the focus. @param {EventTarget|null} target */
export function isTyping(target) {
  const element = /** @type {HTMLElement|null} */ (target);
  if (!element?.tagName) return false;
  if (element.isContentEditable || element.closest("dialog")) return true;
  const tag = element.tagName;
  if (tag === "INPUT")
    return !["checkbox", "radio", "button"].includes(
      /** @type {HTMLInputElement} */ (element).type,
    );
  return tag === "TEXTAREA" || tag === "SELECT";
}

/** The page's own. */
export const keys = new Keys();
