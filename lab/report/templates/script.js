"use strict";
// The page is complete without this: a switch for the colours and a filter for the consoles.
(() => {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
  const label = () => { button.textContent = isDark() ? "Light" : "Dark"; };
  const asked = new URLSearchParams(location.search).get("theme");
  if (asked === "dark" || asked === "light") root.dataset.theme = asked;
  button.hidden = false;
  button.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; label(); });
  system.addEventListener("change", label);
  label();

  // Boots are folded: open the one that a link leads into, then go there.
  const reveal = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const boot = target && target.closest("details");
    if (!boot) return;
    boot.open = true;
    target.scrollIntoView({ block: "nearest" });
  };
  addEventListener("hashchange", reveal);
  reveal();

  for (const box of document.querySelectorAll(".console")) {
    const input = box.querySelector("input"), output = box.querySelector("output");
    const lines = box.querySelectorAll(".lines p:not(.m)");
    if (!lines.length) continue;
    input.hidden = false;
    input.addEventListener("input", () => {
      const wanted = input.value.toLowerCase();
      let found = 0;
      for (const line of lines) {
        const fits = line.textContent.toLowerCase().includes(wanted);
        line.hidden = !fits;
        found += fits;
      }
      output.textContent = wanted ? `${found} found` : "";
    });
  }
})();
