"""Times one U-Boot command with echo check and return code: ours, labgrid's UBootDriver, tbot's UBootShell.

    python -m bench.uboot_command [-n N] [--rounds R] [--tbot SOURCE] [--markdown FILE]

All three type into the same running U-Boot (QEMU, pty), in turns; labgrid also over its own QEMUDriver,
which starts the same QEMU itself. The peers come by pip into a virtual environment of their own in the cache.
tbot is not on PyPI (the `tbot` there is another one): it is installed from SOURCE, by default its repository.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path

from lab.console.session import Console
from lab.console.transcript import Transcript
from lab.drivers.stream.serial import SerialStream
from lab.shells.uboot import UbootShell
from lab.testing.qemu_uboot import FIRMWARE, QEMU, bare_uboot, missing

LABGRID = "labgrid==26.0.1"
TBOT = "tbot @ git+https://github.com/Rahix/tbot@1853255d3ec12e7ee1d39c10acf0800bea29e078"
TBOT_VERSION = "0.10.10"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bootlab" / "uboot-peers"
COMMANDS = ("echo hello", "printenv bootcmd")
TARGET_MS = 2.0
PEERS = Path(__file__).parent / "uboot_peers"


def main() -> None:
    options = parse()
    if reason := missing():
        sys.exit(reason)
    python = install_peers(options.tbot)
    times: dict[str, dict[str, list[float]]] = {}
    with bare_uboot() as machine:
        # An open descriptor: QEMU stops listening for up to a second whenever nobody has the pty open.
        holder = os.open(machine.pty, os.O_RDWR | os.O_NOCTTY)
        machine.power_on()
        for _ in range(options.rounds):
            for command in COMMANDS:
                row = times.setdefault(command, {})
                for name, measure in contenders(python, machine.pty).items():
                    row.setdefault(name, []).extend(measure(command, options.n))
        os.close(holder)
    for command in COMMANDS:
        row = times[command]
        row["labgrid 26.0.1, its QEMUDriver"] = run_peer(
            python, "labgrid_qemu.py", str(FIRMWARE), command, options.n
        )
    text = report(times, options)
    print(text)
    if options.markdown:
        options.markdown.write_text(text)
    worst = max(statistics.median(row["bootlab"]) for row in times.values())
    print(
        f"target: at most {TARGET_MS} ms median: {'met' if worst <= TARGET_MS else 'MISSED'} ({worst:.2f} ms)"
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-n", type=int, default=100, help="commands of each kind, tool and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tbot", default=TBOT, help="what pip shall install tbot from")
    parser.add_argument("--markdown", type=Path, help="also write the table there")
    return parser.parse_args()


def install_peers(tbot: str) -> Path:
    """The peers' interpreter; made and filled the first time."""
    python = CACHE / "bin" / "python"
    stamp = CACHE / ".installed"
    if not stamp.exists():
        venv.create(CACHE, with_pip=True)
        # tbot asks git for its version, which an archive does not know
        env = os.environ | {"SETUPTOOLS_SCM_PRETEND_VERSION_FOR_TBOT": TBOT_VERSION}
        subprocess.run([python, "-m", "pip", "install", "-q", LABGRID, tbot], check=True, env=env)
        stamp.touch()
    return python


def contenders(python: Path, pty: str) -> dict[str, Callable[[str, int], list[float]]]:
    """Those who type into the same U-Boot."""
    return {
        "bootlab": lambda command, n: run_ours(pty, command, n),
        "tbot 0.10.10": lambda command, n: run_peer(python, "tbot_serial.py", pty, command, n),
        "labgrid 26.0.1, its SerialDriver": lambda command, n: run_peer(
            python, "labgrid_serial.py", pty, command, n
        ),
    }


def run_ours(pty: str, command: str, n: int) -> list[float]:
    """Milliseconds of each command, recording and alarms on as ever."""
    times = []
    with Console(SerialStream(pty), Transcript()) as console:
        shell = UbootShell(console)
        shell.interrupt(20)
        for _ in range(n):
            begin = time.perf_counter()
            shell.run(command)
            times.append((time.perf_counter() - begin) * 1e3)
    return times


def run_peer(python: Path, script: str, where: str, command: str, n: int) -> list[float]:
    """The same by a peer, in its own process."""
    done = subprocess.run(
        [python, PEERS / script, where, str(n), command], stdout=subprocess.PIPE, timeout=120, check=True
    )
    times = json.loads(done.stdout.splitlines()[-1])
    assert len(times) == n
    return [float(t) for t in times]


def report(times: dict[str, dict[str, list[float]]], options: argparse.Namespace) -> str:
    """A Markdown table."""
    qemu = subprocess.run(
        [QEMU, "--version"], capture_output=True, text=True, check=True
    ).stdout.splitlines()[0]
    lines = [
        f"{qemu}; Python {platform.python_version()}; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; "
        f"N = {options.n * options.rounds} (labgrid over its QEMUDriver {options.n}); milliseconds.",
        "",
        "| command | tool | median | p95 | median / ours |",
        "| --- | --- | --- | --- | --- |",
    ]
    for command, row in times.items():
        ours = statistics.median(row["bootlab"])
        for name, values in row.items():
            middle, p95 = statistics.median(values), sorted(values)[int(len(values) * 0.95)]
            lines.append(f"| `{command}` | {name} | {middle:.2f} | {p95:.2f} | {middle / ours:.1f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
