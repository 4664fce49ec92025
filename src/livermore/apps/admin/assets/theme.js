// Light, dark or as the system says; remembered in this browser.

window.livermoreTheme = (() => {
  const key = "livermore-theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const read = () => {
    try {
      return localStorage.getItem(key) ?? "auto";
    } catch {
      return "auto";
    }
  };
  let choice = read();

  const apply = () => {
    const dark = choice === "auto" ? system.matches : choice === "dark";
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    window.Quasar?.Dark.set(dark);
    window.dispatchEvent(new Event("livermore-theme"));
  };

  system.addEventListener("change", apply);
  window.addEventListener("load", apply);
  apply();
  return {
    get choice() {
      return choice;
    },
    set(next) {
      choice = next;
      try {
        localStorage.setItem(key, next);
      } catch {
        // A browser that stores nothing keeps the choice for as long as the page lives.
      }
      apply();
    },
  };
})();
