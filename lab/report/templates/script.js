"use strict";
// The page is complete without this: a switch for the colours, a filter and a replay for the consoles.
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
    const input = box.querySelector("input[type=search]"), output = box.querySelector(".found");
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
    replay(box);
  }

  // Shows the console as it came, gaps and all; until it is asked for, and at its end, everything stands there.
  function replay(box) {
    const tools = box.querySelector(".replay"), list = box.querySelector(".lines");
    const [button, speed, place, clock] = tools.children;
    let rows = null, times, end, at, shown, before = null;
    tools.hidden = false;

    const prepare = () => {  // at the first use: a page may have a thousand consoles
      let last = 0;  // what has no time of its own, or an earlier one, comes with the row before it
      const time = (row) => (last = Math.max(last, parseFloat(row.querySelector("time")?.textContent) || 0));
      rows = [...list.querySelectorAll("p")];
      times = rows.map(time);
      at = end = last;
      shown = rows.length;
    };
    const show = (seconds) => {
      at = Math.min(Math.max(seconds, 0), end);
      for (; shown < rows.length && times[shown] <= at; shown++) rows[shown].classList.remove("later");
      for (; shown > 0 && times[shown - 1] > at; shown--) rows[shown - 1].classList.add("later");
      place.value = end ? at / end : 1;
      place.ariaValueText = clock.textContent = `${at.toFixed(1)} of ${end.toFixed(1)} s`;
      list.scrollTop = list.scrollHeight;
    };
    const pause = () => { before = null; button.textContent = "▶ Replay"; };
    const step = (now) => {
      if (before === null) return;
      show(at + Math.max(now - before, 0) / 1000 * speed.value);
      before = now;
      if (at < end) requestAnimationFrame(step); else pause();
    };
    button.addEventListener("click", () => {
      if (before !== null) { pause(); return; }
      if (!rows) prepare();
      if (at >= end) show(0);
      before = performance.now();
      button.textContent = "❚❚ Pause";
      requestAnimationFrame(step);
    });
    place.addEventListener("input", () => {
      if (!rows) prepare();
      show(place.value * end);
    });
  }
})();
