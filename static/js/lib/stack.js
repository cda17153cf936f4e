// @ts-check
/** The stack of a handler as REST tells it, in words; every function is pure. */

/**
 * @typedef {object} StackFrame
 * @property {string} file
 * @property {number} line
 * @property {string} function
 * @property {string} code  the source line; empty where it is not at hand
 */

/**
 * @typedef {object} Stack
 * @property {string} time
 * @property {"handling"|"waiting"|"between"|"closed"} state
 * @property {number|null} pid
 * @property {string|null} thread
 * @property {StackFrame[]} frames  outermost first
 * @property {string} text  as Python prints it
 */

const WHERE = /** @type {const} */ ({
  handling: "The handler runs",
  waiting: "It waits: no thread is free for it yet",
  between: "No handler runs for it at this moment",
  closed: "It has ended",
});

/** What its handler is at. @param {Stack} stack */
export function standing(stack) {
  const where = WHERE[stack.state] ?? stack.state;
  if (stack.state !== "handling") return `${where}.`;
  const by = [stack.thread && `in ${stack.thread}`, stack.pid && `pid ${stack.pid}`];
  return `${[where, ...by.filter(Boolean)].join(", ")}.`;
}

/** Whether a file is Python's own, or a package's: not what one looks for first. @param {string} file */
export const isLibrary = (file) =>
  /[\\/](?:site|dist)-packages[\\/]|[\\/]lib[\\/]python3|[\\/]src[\\/]socketdeck[\\/](?!catalogue)|^</.test(
    file,
  );

/** The end of a path, by which one knows it again. @param {string} file */
export const shortPath = (file) => file.split("/").slice(-2).join("/");
