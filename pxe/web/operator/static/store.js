// What is known of the rack. Views hear of the machines that changed once a frame, however many events came.

export const IDLE = "idle";
const HIDDEN_MS = 500; // a tab in the background gets no frames

export class Store {
  constructor() {
    this.machines = new Map(); // by MAC, as the API has them
    this.boots = new Map(); // by MAC: the newest
    this.plans = [];
    this.moving = new Map(); // transfer -> MAC, of the newest boots only
    this.latest = 0; // when the newest change came, performance.now()
    this.dirty = new Set();
    this.everything = false;
    this.waiting = false;
    this.listeners = new Set();
  }

  listen(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  setMachines(list) {
    this.machines = new Map(list.map((machine) => [machine.mac, machine]));
    this.everything = true;
    this.schedule();
  }

  takeBoot(boot) {
    const known = this.boots.get(boot.mac);
    if (known && known.id !== boot.id && known.began > boot.began) return; // an older one
    if (known) for (const moved of known.transfers) this.moving.delete(moved.transfer);
    boot.received = performance.now();
    for (const moved of boot.transfers) if (!moved.outcome) this.moving.set(moved.transfer, boot.mac);
    this.boots.set(boot.mac, boot);
    if (!known && !this.machines.has(boot.mac)) this.everything = true;
    this.touch(boot.mac);
  }

  takeProgress(sent) {
    const now = performance.now();
    for (const [transfer, count] of Object.entries(sent)) {
      const boot = this.boots.get(this.moving.get(transfer));
      const moved = boot?.transfers.find((one) => one.transfer === transfer);
      if (!moved || moved.outcome) continue;
      if (moved.seen) moved.rate = ((count - moved.sent) * 1000) / Math.max(1, now - moved.seen);
      moved.seen = now;
      moved.sent = count;
      this.touch(boot.mac);
    }
  }

  touch(mac) {
    this.latest = performance.now();
    this.dirty.add(mac);
    this.schedule();
  }

  schedule() {
    if (this.waiting) return;
    this.waiting = true;
    const flush = () => {
      this.waiting = false;
      const [dirty, everything] = [this.dirty, this.everything];
      this.dirty = new Set();
      this.everything = false;
      for (const listener of this.listeners) listener(dirty, everything);
    };
    if (document.hidden) setTimeout(flush, HIDDEN_MS);
    else requestAnimationFrame(flush);
  }

  /** One row for each machine, known or only seen: what views show. */
  row(mac) {
    const machine = this.machines.get(mac);
    const boot = this.boots.get(mac);
    return { mac, machine, boot, name: machine?.name || "", state: stateOf(machine, boot) };
  }

  macs() {
    const all = [...this.machines.keys()];
    for (const [mac, boot] of this.boots) if (!this.machines.has(mac) && boot.known) all.push(mac);
    return all;
  }
}

export function stateOf(machine, boot) {
  if (machine?.hold && boot?.state !== "booting") return "waiting";
  if (machine && boot?.state === "unknown") return IDLE; // it was added since
  return boot ? boot.state : IDLE;
}

/** Milliseconds since the boot began: now for one that goes on, its end for others. */
export function elapsed(boot) {
  if (boot.state === "booting") return boot.now_ms + (performance.now() - boot.received);
  const ends = boot.stages.map((stage) => stage.to_ms ?? stage.from_ms);
  return Math.max(boot.done_ms ?? 0, boot.state === "done" ? 0 : boot.last_ms, ...ends, 1);
}

/** The transfer that goes on and is largest. */
export function current(boot) {
  let found = null;
  for (const moved of boot?.transfers ?? []) if (!moved.outcome && (!found || moved.size > found.size)) found = moved;
  return found;
}

/** What the machine does now, in a word. */
export function step(boot) {
  if (!boot) return "";
  const moved = current(boot);
  return moved ? moved.stage : (boot.stages.at(-1)?.stage ?? "");
}
