// Light, dark or as the system says; the choice follows the user to every browser.

window.livermoreTheme = (() => {
  const preferences = window.livermorePreferences;
  const system = matchMedia("(prefers-color-scheme: dark)");
  let choice = ["light", "dark"].includes(preferences.text("theme")) ? preferences.text("theme") : "auto";

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
      preferences.write("theme", next);
      apply();
    },
  };
})();
