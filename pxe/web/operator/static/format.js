// Numbers as people read them.

export function bytes(n) {
  if (n < 1000) return `${n} B`;
  for (const [unit, size] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) {
    if (n >= size) return `${(n / size).toFixed(n / size < 10 ? 1 : 0)} ${unit}`;
  }
  return "";
}

export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60_000) / 1000)} s`;
  return minutes < 2880 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${Math.floor(minutes / 1440)} days`;
}

export function clock(seconds) {
  const at = new Date(seconds * 1000);
  const day = new Date().toDateString() === at.toDateString() ? "" : `${at.toLocaleDateString()} `;
  return day + at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

export function percent(part, whole) {
  return whole > 0 ? Math.min(100, Math.floor((100 * part) / whole)) : 0;
}

const words = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
export const byName = (a, b) => words.compare(a.name || a.mac, b.name || b.mac) || words.compare(a.mac, b.mac);
