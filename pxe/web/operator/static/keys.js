// Shortcuts of one key. They can be switched off (WCAG 2.1.4): speech input would press them by accident.

const PLACES = { r: "#/", p: "#/plans", l: "#/leases", u: "#/unknown", n: "#/nights", t: "#/trends", b: "#/runs", s: "#/systems", o: "#/updates" };
const OFF = "bootlab-no-shortcuts";

export function keys(search) {
  const help = document.getElementById("help");
  const on = document.getElementById("keys-on");
  on.checked = stored() !== "1";
  on.addEventListener("change", () => store(on.checked ? "0" : "1"));
  document.getElementById("help-open").addEventListener("click", () => help.showModal());
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea, dialog");
    if (event.key === "Escape" && typing?.id === "search") typing.blur(); // its text stays, and the shortcuts work again
    if (event.key === "Escape" && !typing && location.hash.length > 2) location.hash = "#/";
    if (typing || event.ctrlKey || event.altKey || event.metaKey || !on.checked) return;
    if (event.key === "?") help.showModal();
    else if (event.key === "/") find(search());
    else if (PLACES[event.key]) location.hash = PLACES[event.key];
    else return;
    event.preventDefault();
  });
}

function find(box) {
  if (!box.isConnected) location.hash = "#/";
  requestAnimationFrame(() => box.focus());
}

function stored() {
  try {
    return localStorage.getItem(OFF);
  } catch {
    return null; // storage is switched off
  }
}

function store(value) {
  try {
    localStorage.setItem(OFF, value);
  } catch {
    // holds until the page is left
  }
}
