"""The driver of bench.rollout, in a process of its own: runs a plan and says what it cost."""

import json
import statistics
import sys
import time
from pathlib import Path

import psutil
import uvloop

from lab.rollout.driver import Driver
from lab.rollout.engine import Engine, Phase
from lab.rollout.planfile import read_plan
from lab.rollout.record import Writer

MARKS = (0.1, 0.5, 1.0)  # shares of the nodes at which memory is looked at


class Watch:
    """Memory by how much is done, and when the phases began."""

    def __init__(self) -> None:
        self.process = psutil.Process()
        self.rss: dict[float, int] = {}
        self.phases: dict[str, float] = {}

    def tell(self, engine: Engine) -> None:
        self.phases.setdefault(str(engine.phase), time.monotonic())
        share = engine.settled / engine.pace.count
        for mark in MARKS:
            if share >= mark and mark not in self.rss:
                self.rss[mark] = self.process.memory_info().rss


def latencies(journal: Path) -> list[float]:
    """Seconds of each node that came through, from the line that its change begins to its last gate."""
    began, found = {}, []
    for raw in journal.read_bytes().splitlines():
        line = json.loads(raw)
        if line.get("to") == "changing":
            began[line["node"]] = line["t_ns"]
        elif line.get("to") == "done" and line["node"] in began:
            found.append((line["t_ns"] - began[line["node"]]) / 1e9)
    return found


def main() -> None:
    path = Path(sys.argv[1])
    plan, journal, watch = read_plan(path), path.with_suffix(".jsonl"), Watch()
    with Writer(plan, journal, fresh=True) as writer:
        began, cpu = time.monotonic(), time.process_time()
        uvloop.run(Driver(plan, writer, watch.tell).run())
        seconds = time.monotonic() - began
        engine = writer.engine
    times = sorted(latencies(journal))
    halted = watch.phases.get(str(Phase.HALTED), watch.phases.get(str(Phase.REVERTING)))
    result = {
        "seconds": seconds,
        "cpu": time.process_time() - cpu,
        "rss": [watch.rss.get(mark) for mark in MARKS],
        "median": statistics.median(times) if times else None,
        "p99": times[int(len(times) * 0.99)] if times else None,
        "phase": engine.phase,
        "counts": engine.counts,
        "failed": engine.failed,
        "touched": sum(engine.touched),
        "halted": halted - began if halted is not None else None,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
