// What the user chose about the looks of things: told by the server with the page, stored there at each change.

window.livermorePreferences = (() => {
  const chosen = JSON.parse(document.getElementById("livermore-choices").textContent);
  let stored = Promise.resolve();

  // An answer that nobody reads stays open in the browser until the page goes.
  const put = (key, value) =>
    fetch(`/api/v1/preferences/${encodeURIComponent(key)}`, {
      method: "PUT", keepalive: true, headers: { "content-type": "application/json" }, body: JSON.stringify({ value }),
    }).then((answer) => answer.text());

  return {
    text(key) {
      return chosen[key] ?? null;
    },
    // Anybody may write anything under a key, so that what does not fit counts as nothing.
    read(key, otherwise) {
      try {
        const found = JSON.parse(chosen[key] ?? "{}");
        return Object.fromEntries(
          Object.entries(otherwise).map(([name, value]) => [name, fits(found?.[name], value) ? found[name] : value]),
        );
      } catch {
        return otherwise;
      }
    },
    write(key, value) {
      const text = typeof value === "string" ? value : JSON.stringify(value);
      if (chosen[key] === text) return;
      chosen[key] = text;
      // One after the other, so that the last change is what is kept; without a server it lasts as long as the page.
      stored = stored.then(() => put(key, text)).catch(() => {});
    },
  };

  function fits(found, value) {
    if (Array.isArray(value)) return Array.isArray(found) && found.every((one) => typeof one === "string");
    return typeof found === typeof value;
  }
})();
