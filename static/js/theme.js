// @ts-check
/* Runs before the first paint, so that a chosen theme does not flash the other one first. */
(() => {
  try {
    const theme = localStorage.getItem("socketdeck.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset["theme"] = theme;
  } catch {
    // Storage may be refused; the system's theme stands.
  }
})();
