"""A rack of simulated machines boots: live progress, a summary, or JSON."""

import statistics
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import click

from lab.testing.firmware.kinds import Seat
from lab.testing.firmware.machine import Machine
from lab.testing.firmware.network import Network

MIB = 1 << 20
_LINE_SECONDS = 1.0


@dataclass
class Rack:
    """The machines of `seats`, switched on `stagger` seconds after each other."""

    seats: list[Seat]
    interface: str
    seed: int = 0
    scale: float = 1.0
    stagger: float = 0.0
    seconds: float = 300.0
    quiet: bool = False

    def run(self) -> dict[str, Any]:
        """Boot all of them; returns the result as it is printed with --json."""
        self.machines = [seat.machine(self.seed, self.scale) for seat in self.seats]
        network = Network(self.interface)
        began = told = time.monotonic()
        waiting = list(self.machines)
        try:
            while (waiting or network.running) and time.monotonic() - began < self.seconds:
                now = time.monotonic()
                while waiting and now - began >= self.stagger * (len(self.machines) - len(waiting)):
                    network.start(waiting.pop(0))
                    network.turn(0.0)
                network.turn(min(_LINE_SECONDS, self.stagger or _LINE_SECONDS) if waiting else 0.25)
                if not self.quiet and time.monotonic() - told >= _LINE_SECONDS:
                    told = time.monotonic()
                    click.echo(self.progress(told - began))
        finally:
            network.close()
        return self.result(began)

    def progress(self, seconds: float) -> str:
        """One line: how many machines are where."""
        stages = Counter("failed" if m.failure else m.stage for m in self.machines)
        told = " · ".join(f"{stage} {count}" for stage, count in sorted(stages.items()))
        total = sum(machine.received for machine in self.machines)
        return f"{seconds:6.1f} s  {told}  {total / MIB:.1f} MiB"

    def result(self, began: float) -> dict[str, Any]:
        """What came of each machine, and of all."""
        up = sorted(m.ended - m.started for m in self.machines if m.up)
        rows = [_row(s, m) for s, m in zip(self.seats, self.machines, strict=True)]
        return {
            "machines": rows,
            "up": len(up),
            "failed": sum(1 for machine in self.machines if machine.failure),
            "unfinished": sum(1 for machine in self.machines if not machine.over),
            "seconds": max((m.ended for m in self.machines if m.over), default=began) - began,
            "median": statistics.median(up) if up else None,
            "bytes": sum(machine.received for machine in self.machines),
            "repeats": dict(sum((machine.repeats for machine in self.machines), Counter())),
        }


def _row(seat: Seat, machine: Machine) -> dict[str, Any]:
    return {
        "number": seat.number,
        "kind": seat.kind,
        "mac": seat.mac,
        "fault": seat.fault,
        "address": machine.address,
        "up": machine.up,
        "stage": machine.stage,
        "failure": machine.failure,
        "seconds": round(machine.ended - machine.started, 3) if machine.over else None,
        "files": [[item.protocol, item.name, item.size, item.error] for item in machine.fetched],
    }


def summary(result: dict[str, Any]) -> str:
    """The result for people."""
    rows = result["machines"]
    lines = [
        f"{result['up']} of {len(rows)} machines are up, {result['failed']} failed, "
        f"{result['unfinished']} did not come to an end; {result['seconds']:.1f} s, "
        f"{result['bytes'] / MIB:.1f} MiB"
    ]
    if result["median"] is not None:
        lines.append(f"until a machine is up: {result['median']:.1f} s (median)")
    if result["repeats"]:
        lines.append("sent again: " + ", ".join(f"{n} {what}" for what, n in result["repeats"].items()))
    for row in rows:
        if not row["up"]:
            fault = f" [{row['fault']}]" if row["fault"] else ""
            lines.append(
                f"  {row['number']:3} {row['kind']:<16} {row['mac']}{fault}: "
                f"{row['failure'] or 'still at: ' + row['stage']}"
            )
    return "\n".join(lines)


def expected(result: dict[str, Any]) -> bool:
    """Whether every machine without a fault came up, and none with one."""
    return all(row["up"] is not bool(row["fault"]) for row in result["machines"])


def fail(message: str) -> int:
    """Say what is wrong with the command; its exit code."""
    click.echo(f"error: {message}", err=True)
    return 2
