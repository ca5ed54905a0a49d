"""Measures the live page while a rack boots: how late it is, what it costs the boots, what the browser keeps.

    python -m bench.page [--machines 500] [--rounds 5] [--readers 10] [--stagger 0.02] [--markdown FILE]

In each round the same simulated rack (lab.testing.firmware) boots three times, in turns: with no browser
open, with `--readers` that read the page's stream as browsers do, and with one real Chromium that shows the
page. A change is late by the time from the event in the service to the bytes at a reader, and to the frame
that Chromium drew. What browsers cost the boots is told from the readers: a browser is on another host than
the service, and a Chromium on the same two cores takes what the machines need. Memory: Chromium's heap after
a collection and its number of DOM nodes, after each round, in one tab that is loaded anew.
"""

import argparse
import ctypes
import http.client
import json
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import CDPSession, Page

from bench.namespace import enter_namespace
from lab.netboot import BootService
from lab.testing.browser import chromium
from lab.testing.firmware.__main__ import make_plan
from lab.testing.firmware.kinds import seats
from lab.testing.firmware.service import RACK_INTERFACE, Net, inside, own_network, site

PORT = 8067
LATE_MS, SLOWER = 250.0, 1.03
NEWNET = 0x40000000
# How late the page draws the beginning and the end of each step of each boot
PROBE = """() => {
  window.lateness = [];
  const began = Date.now() / 1000;
  let seen = new Set();
  const source = new EventSource('/api/v1/boots/stream');
  source.addEventListener('boot', (event) => {
    const boot = JSON.parse(event.data);
    if (boot.began < began) return;
    if (seen.size > 100000) seen = new Set();
    const fresh = [];
    for (const stage of boot.stages) for (const key of ['from_ms', 'to_ms']) {
      const name = `${boot.id} ${stage.stage} ${stage.by} ${key}`;
      if (stage[key] === null || stage.count > 1 || seen.has(name)) continue;
      seen.add(name);
      fresh.push(boot.began * 1000 + stage[key]);
    }
    const drawn = () => performance.timeOrigin + performance.now();
    if (fresh.length) requestAnimationFrame(() => fresh.forEach((at) => window.lateness.push(drawn() - at)));
  });
}"""


def main() -> None:
    options = parse()
    enter_namespace("bench.page")
    found: dict[str, Any] = {
        "alone": [],
        "read": [],
        "shown": [],
        "late": [],
        "drawn": [],
        "heap": [],
        "nodes": [],
    }
    with ExitStack() as stack:
        net = stack.enter_context(service(options))
        browser = stack.enter_context(chromium())
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        tab = page, page.context.new_cdp_session(page)
        for number in range(options.rounds + 1):
            for kind in random.Random(number).sample(("alone", "read", "shown"), 3):
                one_round(kind, number, net, tab, options, found)
    table = markdown(found, options)
    print(table)
    if options.markdown:
        options.markdown.write_text(table)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--machines", type=int, default=500)
    parser.add_argument("--kind", default="uboot", help="of the machines, as in lab.testing.firmware")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--readers", type=int, default=10)
    parser.add_argument("--stagger", type=float, default=0.02, help="seconds between power-ons")
    parser.add_argument("--size", type=int, default=1, help="MiB of the kernel")
    parser.add_argument("--markdown", type=Path, help="write the table to this file")
    return parser.parse_args()


@contextmanager
def service(options: argparse.Namespace) -> Iterator[Net]:
    """A service with the API on loopback of its namespace, in which we and the browsers are from then on."""
    rack = seats(options.machines, [options.kind])
    with tempfile.TemporaryDirectory(prefix="bootlab-bench-") as name, own_network(77) as net:
        folder = Path(name)
        folder.chmod(0o755)
        plan = make_plan(folder, options.size)
        described = site(rack, plan, net.address, folder, api={"port": PORT})
        (folder / "lab.yaml").write_text(json.dumps(described))
        with open(f"/proc/{net.server}/ns/net") as place:
            if ctypes.CDLL(None, use_errno=True).setns(place.fileno(), NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        argv = [sys.executable, "-m", "lab", "serve", "-c", str(folder / "lab.yaml")]
        with (folder / "log").open("w") as log:
            running = subprocess.Popen(argv, stdout=log, stderr=log)
        try:
            with BootService(f"http://127.0.0.1:{PORT}") as api:
                api.wait_ready(60)
            yield net
        finally:
            running.terminate()
            running.wait(30)


def one_round(
    kind: str,
    number: int,
    net: Net,
    tab: tuple[Page, CDPSession],
    options: argparse.Namespace,
    found: dict[str, Any],
) -> None:
    """Round 0 does not count: caches, the first leases."""
    late: list[float] = []
    drawn: list[float] = []
    if kind == "alone":
        seconds = boot(net, options)
    elif kind == "read":
        with readers(options.readers, late):
            seconds = boot(net, options)
    else:
        page, devtools = tab
        page.goto(f"http://127.0.0.1:{PORT}/")
        page.locator("#link[data-up=true]").wait_for()
        page.evaluate(PROBE)
        seconds = boot(net, options, page)
        drawn = page.evaluate("window.lateness")
        memory = measured(devtools)
        page.goto("about:blank")
    print(f"round {number}: {kind} {seconds:.3f} s", flush=True)
    if not number:
        return
    found[kind].append(seconds)
    found["late"] += late
    found["drawn"] += drawn
    if kind == "shown":
        found["heap"].append(memory[0])
        found["nodes"].append(memory[1])


def boot(net: Net, options: argparse.Namespace, page: Page | None = None) -> float:
    """Boot the rack once; seconds until a machine is up, the median."""
    argv = [*inside(net.rack), sys.executable, "-m", "lab.testing.firmware", "rack", "--json"]
    argv += ["--machines", str(options.machines), "--kinds", options.kind, "--interface", RACK_INTERFACE]
    argv += ["--stagger", str(options.stagger)]
    # What 500 machines tell is more than a pipe holds: it is read while they boot
    with ThreadPoolExecutor(1) as reader:
        whole = reader.submit(subprocess.run, argv, capture_output=True, text=True, timeout=400)
        while page is not None and not whole.done():
            page.wait_for_timeout(250)
        done = whole.result()
    result = json.loads(done.stdout) if done.stdout else sys.exit(done.stderr)
    if result["up"] != options.machines:
        print(f"only {result['up']} of {options.machines} came up", file=sys.stderr)
    return float(result["median"])


@contextmanager
def readers(count: int, late: list[float]) -> Iterator[None]:
    """Further readers of the stream; one of them notes how late each change is, in ms."""
    open_ones = []
    for number in range(count):
        connection = http.client.HTTPConnection("127.0.0.1", PORT)
        connection.request("GET", "/api/v1/boots/stream")
        open_ones.append(
            (connection, threading.Thread(target=read, args=(connection, late if not number else None)))
        )
    for _, thread in open_ones:
        thread.start()
    yield
    time.sleep(0.5)
    for connection, thread in open_ones:
        if connection.sock is not None:
            connection.sock.shutdown(2)
        thread.join(10)
        connection.close()


def read(connection: http.client.HTTPConnection, late: list[float] | None) -> None:
    """Read all; with `late`, note how old the beginning and the end of each step are when they come."""
    since, seen = time.time(), set()
    for line in connection.getresponse():
        if late is None or not line.startswith(b'data: {"id"'):
            continue
        told, now = json.loads(line[6:]), time.time()
        for stage in told["stages"] if told["began"] > since else ():
            for key in ("from_ms", "to_ms"):
                name = told["id"], stage["stage"], stage["by"], key
                if stage[key] is None or stage["count"] > 1 or name in seen:
                    continue
                seen.add(name)
                late.append((now - told["began"]) * 1000 - stage[key])


def measured(devtools: CDPSession) -> tuple[float, int]:
    """MiB of heap, DOM nodes."""
    devtools.send("HeapProfiler.collectGarbage")
    heap = devtools.send("Runtime.getHeapUsage")["usedSize"] / (1 << 20)
    return heap, int(devtools.send("Memory.getDOMCounters")["nodes"])


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def markdown(found: dict[str, Any], options: argparse.Namespace) -> str:
    alone, watched = statistics.median(found["alone"]), statistics.median(found["read"])
    # Of each round: a guest's speed changes from minute to minute
    ratios = [read / alone for read, alone in zip(found["read"], found["alone"], strict=True)]
    rows = ["| | median | 95th percentile | changes |", "| --- | --- | --- | --- |"]
    for key, what in (("late", "event to a reader, ms"), ("drawn", "event to Chromium's frame, ms")):
        values = found[key]
        rows.append(
            f"| {what} | {percentile(values, 0.5):.0f} | {percentile(values, 0.95):.0f} | {len(values)} |"
        )
    heap = ", ".join(f"{value:.1f}" for value in found["heap"])
    nodes = ", ".join(str(value) for value in found["nodes"])
    late = max(percentile(found["late"], 0.95), percentile(found["drawn"], 0.95))
    ratio = statistics.median(ratios)
    return "\n".join([
        *rows, "",
        f"{options.machines} machines, until a machine is up: {alone:.3f} s alone, {watched:.3f} s with "
        f"{options.readers} readers: ratio {ratio:.3f}, of the rounds {min(ratios):.3f} to {max(ratios):.3f} "
        f"({'reached' if ratio <= SLOWER else 'MISSED'}: at most {SLOWER})",
        f"95th percentile: {late:.0f} ms ({'reached' if late <= LATE_MS else 'MISSED'}: at most {LATE_MS:g})",
        f"Chromium after each round: heap {heap} MiB, DOM nodes {nodes}", "",
    ])  # fmt: skip


if __name__ == "__main__":
    main()
