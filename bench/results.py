"""Measures the records: how long the index takes them in, and what writing them costs a boot.

    python -m bench.results [--boots 10000] [--milestones 20] [--run-length 20] [--rounds 3] [--markdown FILE]

The boots are made up (lab.testing.results) and lie on disk as a night leaves them. Each round takes them
into an empty index, of SQLite and of a PostgreSQL server of Debian's package in turns; then once more where
nothing is new. Beside the wall time stands the CPU's, without the server's: a busy host changes it least.
Writing: all that is forced to the disk between two boots (events, record), per boot, and what is written once
in a run (how it was measured, measurements, trace, page), against the shortest boot measured here, 5 s.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lab.index import open_index
from lab.report import write_report
from lab.store import RunWriter
from lab.testing.postgres import Postgres
from lab.testing.results import boot_record, run_info, write_runs

INGEST_SECONDS, WRITING_SHARE, SHORTEST_BOOT = 30.0, 0.01, 5.0


def main() -> None:
    options = parse()
    folder = Path(tempfile.mkdtemp(prefix="bench-results-"))
    try:
        lines = [*ingest(options, folder), *writing(options, folder)]
    finally:
        shutil.rmtree(folder)
    table = "\n".join(lines)
    print(table)
    if options.markdown:
        options.markdown.write_text(table + "\n")


def ingest(options: argparse.Namespace, folder: Path) -> list[str]:
    """Rows: an empty index takes all in, and then looks again."""
    length = min(options.run_length, options.boots)
    results = folder / "results"
    write_runs(results, options.boots // length, length)
    (folder / "pg").mkdir()
    server = Postgres(folder / "pg")
    server.start()
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    try:
        for _ in range(options.rounds):
            for name, url in (("SQLite", f"sqlite:///{folder}/index.sqlite"), ("PostgreSQL", server.url)):
                with open_index(url) as index:
                    for what, work in (("all new", index.rebuild), ("nothing new", index.ingest)):
                        found.setdefault((name, what), []).append(timed(lambda w=work: w(results)))
    finally:
        server.stop()
    rows = ["| index | what | seconds | CPU seconds | at most |", "|---|---|---|---|---|"]
    for (name, what), times in found.items():
        wall, cpu = (statistics.median(column) for column in zip(*times, strict=True))
        limit = f"{INGEST_SECONDS:.0f}" if what == "all new" else ""
        rows.append(f"| {name} | {options.boots} boots, {what} | {wall:.2f} | {cpu:.2f} | {limit} |")
    return rows


def writing(options: argparse.Namespace, folder: Path) -> list[str]:
    """Rows: what is written for each boot, and at the end of a run."""
    info, each = run_info(0), []
    events = [{"seq": i, "kind": "dhcp-sent", "t_ns": i, "mac": "52:54:00:aa:00:01"} for i in range(40)]
    with RunWriter(folder / "written", info) as writer:
        for number in range(50):
            record = boot_record(info, number, milestones=options.milestones)
            each.append(
                timed(lambda n=number, r=record: (writer.write_events(n, events), writer.write_boot(r)))
            )
    once = timed(lambda: write_report(writer.folder))
    wall, cpu = (statistics.median(column) for column in zip(*each, strict=True))
    rows = ["", "| what is written | ms | CPU ms | of a boot of 5 s | at most |", "|---|---|---|---|---|"]
    rows.append(
        f"| record and events of one boot | {1e3 * wall:.2f} | {1e3 * cpu:.2f} | "
        f"{wall / SHORTEST_BOOT:.2%} | {WRITING_SHARE:.0%} |"
    )
    share = once[0] / 50 / SHORTEST_BOOT
    rows.append(
        f"| page, trace, measurements of a run of 50, per boot | {20 * once[0]:.2f} | {20 * once[1]:.2f} | "
        f"{share:.2%} | {WRITING_SHARE:.0%} |"
    )
    return rows


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the wall and of the CPU."""
    wall, cpu = time.monotonic(), time.process_time()
    work()
    return time.monotonic() - wall, time.process_time() - cpu


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--boots", type=int, default=10_000)
    parser.add_argument("--milestones", type=int, default=20)
    parser.add_argument("--run-length", type=int, default=20, help="boots in a run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--markdown", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
