"""Measures the same boot from our servers and from dnsmasq, in turns, in one run.

    python -m bench.boot [--rounds N] [--markdown FILE]

Both serve the same kernel, initrd and boot script to the same emulated board (one at a time, each in a
sandbox of its own). A boot lasts from power-on to the root shell's prompt, by the console alone, so that no
server is helped by its own events. dnsmasq runs with --no-ping: its pings would cost it 3 s a boot.
"""

import argparse
import queue
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from lab.board import Board
from lab.clock import seconds
from lab.config import default_site, load_board_type
from lab.images import Image, initrd_shell
from lab.measure.milestones import MilestoneTracker
from lab.session import LabSession
from pxe.boot.render import boot_script
from pxe.boot.uimage import script_image

DEADLINE = 180.0
TARGET = 1.05  # of dnsmasq
Boot = Callable[[], float]


def main() -> None:
    """Boot in turns, print the table."""
    options = parse()
    if shutil.which("dnsmasq") is None:
        sys.exit("dnsmasq is not installed: apt-get install dnsmasq-base")
    site = default_site()
    image = initrd_shell(load_board_type(site.places[0].board_type).console_args)
    times: dict[str, list[float]] = {"bootlab": [], "dnsmasq": []}
    with ExitStack() as stack:
        servers: dict[str, Boot] = {
            "bootlab": stack.enter_context(ours(image)),
            "dnsmasq": stack.enter_context(dnsmasq(image)),
        }
        for number in range(options.rounds):
            for name in sorted(servers, reverse=bool(number % 2)):
                times[name].append(servers[name]())
                print(f"round {number + 1} of {options.rounds}: {name} {times[name][-1]:.2f} s", flush=True)
    ratio = statistics.median(times["bootlab"]) / statistics.median(times["dnsmasq"])
    table = ["| | power-on to shell, s: median (lowest-highest) |", "| --- | --- |"]
    for name, values in times.items():
        table.append(f"| {name} | {statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f}) |")
    table.append(f"| ours / dnsmasq | {ratio:.3f} (target: at most {TARGET}) |")
    print("\n".join(table))
    if options.markdown:
        options.markdown.write_text("\n".join(table) + "\n")


def parse() -> argparse.Namespace:
    """Options of the command."""
    parser = argparse.ArgumentParser(prog="python -m bench.boot", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--markdown", type=Path)
    return parser.parse_args()


@contextmanager
def ours(image: Image) -> Iterator[Boot]:
    """A board that boots from our service."""
    site = default_site()
    with LabSession(site) as session:
        place = site.places[0]
        session.assign(place, image.plan)
        board = session.board(place.name)
        yield lambda: boot_seconds(board, image)


@contextmanager
def dnsmasq(image: Image) -> Iterator[Boot]:
    """The same board, booting from dnsmasq."""
    site = default_site()
    with LabSession(site) as session, tempfile.TemporaryDirectory(prefix="bootlab-bench-") as name:
        board = session.board(site.places[0].name)
        assert session.sandbox is not None
        own = site.service.dhcp[0].own
        assert own is not None
        root, pool = Path(name), own.ranges[0]
        root.chmod(0o755)
        for asset in image.plan.assets():
            shutil.copyfile(asset.path, root / asset.name)
        sizes = {asset.name: asset.path.stat().st_size for asset in image.plan.assets()}
        script = boot_script(image.plan, sizes, session.sandbox.address)
        (root / "boot.scr.uimg").write_bytes(script_image(script))
        command = [
            *("dnsmasq", "--no-daemon", "--port=0", "--conf-file=/dev/null", "--user=root", "--group=root"),
            *(f"--interface={session.sandbox.bridge}", "--bind-interfaces", "--no-ping"),
            *(f"--dhcp-range={pool.first},{pool.last}", "--dhcp-authoritative"),
            *("--dhcp-boot=boot.scr.uimg", "--enable-tftp", f"--tftp-root={root}"),
            *(f"--dhcp-leasefile={root / 'leases'}", "--log-facility=/dev/null"),
        ]
        server = session.sandbox.spawn(command)
        time.sleep(0.5)  # it says nothing when it is ready; a first boot takes 2 s to its DISCOVER
        if server.poll() is not None:
            sys.exit(f"dnsmasq ended with status {server.returncode}")
        yield lambda: boot_seconds(board, image)


def boot_seconds(board: Board, image: Image) -> float:
    """Seconds from power-on to the image's last milestone, seen on the console."""
    tracker = MilestoneTracker(image.milestones)
    chunks: queue.SimpleQueue[tuple[int, bytes]] = queue.SimpleQueue()
    unsubscribe = board.console.subscribe(lambda t_ns, data: chunks.put((t_ns, data)))
    try:
        t0_ns = board.cycle()
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            try:
                reached = tracker.feed_console(*chunks.get(timeout=1.0))
            except queue.Empty:
                continue
            for milestone in reached:
                if milestone.name == image.milestones[-1].name:
                    return seconds(milestone.t_ns - t0_ns)
    finally:
        unsubscribe()
        board.power_off()
    sys.exit(f"the board did not get ready in {DEADLINE:g} s; the last it said: {board.console.last_words()}")


if __name__ == "__main__":
    main()
