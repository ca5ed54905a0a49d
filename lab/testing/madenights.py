"""Nights as they lie on disk, made up: for tests, pictures and measurements of what is made of nights.

python -m lab.testing.madenights FOLDER [--nights N] [--places N] [--images N] [--boots N]
"""

import argparse
import json
import random
import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lab.matrix.journal import NIGHTS, SCHEMA, Journal
from lab.model import BootRecord, Cause, Failure, Milestone, Source, Timeline, TransferSpan
from lab.store import HostInfo, RunInfo
from lab.testing.results import write_run

FIRST = datetime(2026, 11, 1, 22, 0, tzinfo=UTC)
TYPES = ("virt-arm64", "raspberrypi-4b", "pc-bios", "pc-uefi", "rock64")
STAGES = (("dhcp-ack", 1.2), ("kernel-start", 2.1), ("kernel", 0.3), ("init", 1.9), ("ready", 1.4))
TITLES = {
    "dhcp-ack": "DHCP ACK",
    "kernel-start": "loader starts the kernel",
    "kernel": "kernel",
    "init": "init",
}
CONSOLE = (
    "U-Boot 2023.01+dfsg-2+deb12u1 (Nov 05 2023)", "DHCP client bound to address 10.99.0.50",
    "Starting kernel ...", "[    0.000000] Booting Linux on physical CPU 0x0000000000",
    "[    1.204113] /dev/root: Can't open blockdev",
    "[    1.204200] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
)  # fmt: skip
PANIC = Failure(
    Cause.KERNEL_PANIC,
    "The kernel panicked: it found no root file system.",
    ("console: Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",),
)
STALL = Failure(
    Cause.TRANSFER_STALLED,
    "The board stopped acknowledging linux after 18.0 of 31.0 MiB; look at the cable and the switch port.",
    ("+29.98 s tftp linux: stalled, 5 blocks repeated, no ACK of block 12858 for 25 s",),
)
_S = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What is made. In the last night the first image is slower on the first place and panics on the second,
    the second image is flaky on the first place, and the last place is sick."""

    nights: int = 8
    places: dict[str, str] = field(
        default_factory=lambda: {"qemu1": TYPES[0], "pi-4": TYPES[1], "pc": TYPES[2]}
    )
    images: tuple[str, ...] = ("debian-installer", "refos")
    boots: int = 20
    consoles: bool = True


def make(results: Path, made: Made) -> list[Path]:
    """Write the nights; return their folders."""
    return [_night(results, made, number) for number in range(made.nights)]


def _night(results: Path, made: Made, number: int) -> Path:
    began = FIRST + timedelta(days=number)
    name = f"{began:%Y%m%dT%H%M%SZ}-{number:06x}"
    last = number == made.nights - 1
    sick = list(made.places)[-1] if last and len(made.places) > 2 else ""
    cells = [(p, i, s) for p in made.places for s in ("boot", "smoke") for i in made.images]
    folder = results / NIGHTS / name
    with Journal(folder, fresh=True) as journal:
        journal.write(
            "begin", schema=SCHEMA, night=name, at=began.isoformat(), matrix="nightly", digest="5e" * 32,
            deadline=28800.0, noticed={"percent": 5.0, "seconds": 0.1},
            cells=[_header(made, *cell) for cell in cells], left_out=[],
        )  # fmt: skip
        for place in made.places:
            ok = place != sick
            steps = {
                "power": "",
                "console": "",
                "network": "" if ok else "no DHCP message in 60 s: look at its cable",
            }
            journal.write("health", place=place, passed=ok, steps=steps, run="")
            if not ok:
                journal.write("quarantine", place=place, cause=f"network: {steps['network']}")
                _quarantine(results, place, steps["network"], began, name)
        for count, (place, image, suite) in enumerate(cells):
            ended = "sick" if place == sick else "done"
            if ended == "done" and suite == "boot":
                info = _info(made, name, began + timedelta(seconds=count), count, place, image)
                run = write_run(results, info, _boots(made, info, last))
                if made.consoles:
                    _extras(run)
                journal.write("run", cell=[place, image, suite], run=str(run.relative_to(results)))
            elif ended == "done":
                _tests(journal, (place, image, suite), bad=last and image == made.images[-1])
            journal.write("cell", cell=[place, image, suite], ended=ended)
        journal.write("end", at=(began + timedelta(hours=7, minutes=12)).isoformat(), how="done")
    return folder


def _header(made: Made, place: str, image: str, suite: str) -> dict[str, object]:
    return {
        "place": place, "image": image, "suite": suite, "kind": "boot" if suite == "boot" else "pytest",
        "board_type": made.places[place], "emulated": place.startswith("qemu"), "boots": made.boots,
        "timeout": 600.0, "retries": 1,
    }  # fmt: skip


def _tests(journal: Journal, cell: tuple[str, str, str], *, bad: bool) -> None:
    failed = {"test_watchdog[cold]": "AssertionError: the watchdog did not bite in 60 s"} if bad else {}
    journal.write(
        "tests", cell=list(cell), seconds=61.5, status=int(bad), passed=12 - bad, failed=failed, junit=""
    )


def _quarantine(results: Path, place: str, cause: str, began: datetime, night: str) -> None:
    entry = {"cause": cause, "since": began.isoformat(), "by": "check", "night": night}
    (results / "places.json").write_text(json.dumps({"schema": 1, "places": {place: entry}}))


def _info(made: Made, night: str, began: datetime, count: int, place: str, image: str) -> RunInfo:
    return RunInfo(
        run_id=f"{began:%Y%m%dT%H%M%SZ}-{count:06x}", started_at=began.isoformat(), place=place,
        board_type=made.places[place], image=image, method="firmware", boots_planned=made.boots,
        emulated=place.startswith("qemu"), night=night, titles=TITLES, complete=True,
        host=HostInfo(cpu="AMD EPYC 7B13", cores=2, memory_bytes=25769803776, kernel="Linux 6.1.0-50-amd64"),
        versions={"bootlab": "0.1.0", "QEMU": "7.2.22"}, image_digest=f"{image}-{began.day // 5}",
    )  # fmt: skip


def _boots(made: Made, info: RunInfo, last: bool) -> list[BootRecord]:
    chance = random.Random(info.run_id)
    place, image = list(made.places).index(info.place), made.images.index(info.image)
    slow = 1.13 if last and (place, image) == (0, 0) else 1.0
    factor = (1.0 + 0.35 * place) * (1.0 + 0.2 * image) * slow * chance.gauss(1.0, 0.004)
    found = []
    for index in range(made.boots):
        failure = None
        if last and (place, image) == (1, 0) and index < 6:
            failure = PANIC
        elif last and (place, image) == (0, 1) and index in (4, 11):
            failure = STALL if index == 4 else replace(PANIC, cause=Cause.NOT_READY)
        found.append(_boot(info, index, factor, chance, failure))
    return found


def _boot(
    info: RunInfo, index: int, factor: float, chance: random.Random, failure: Failure | None
) -> BootRecord:
    t0 = at = (index + 1) * 100 * _S
    stones: list[Milestone] = []
    for name, mean in STAGES[: 3 if failure else None]:
        at += int(mean * factor * chance.lognormvariate(0, 0.015) * _S)
        stones.append(Milestone(name, at, Source.WIRE if name == "dhcp-ack" else Source.CONSOLE))
    size, start = 31_000_000, stones[0].t_ns
    return BootRecord(
        run_id=info.run_id, index=index, place=info.place, board_type=info.board_type, image=info.image,
        method=info.method, started_at=info.started_at, ready=failure is None, failure=failure,
        timeline=Timeline(
            t0_ns=t0, milestones=tuple(stones), end_ns=at + (30 * _S if failure else 0),
            transfers=(
                _span("boot.scr", start, start + _S // 50, 1900),
                _span("linux", start + _S // 20, stones[1].t_ns, size),
            ),
        ),
        console=f"console/{index:03}.cast" if failure else "", firmware="U-Boot 2023.01",
        kernel="6.1.0-50-arm64", load=1.2,
    )  # fmt: skip


def _span(name: str, start_ns: int, end_ns: int, size: int) -> TransferSpan:
    return TransferSpan(protocol="tftp", name=name, start_ns=start_ns, end_ns=end_ns, size=size, sent=size)


def _extras(run: Path) -> None:
    """Console recordings and events of the boots that failed."""
    for line in (run / "boots.jsonl").read_text().splitlines():
        record = json.loads(line)
        if record["ready"]:
            continue
        t0, index = record["timeline"]["t0_ns"], record["index"]
        header = {"version": 2, "width": 80, "height": 24, "bootlab": {"monotonic_start_ns": t0}}
        rows = [[round(0.7 * n, 2), "o", f"{text}\r\n"] for n, text in enumerate(CONSOLE, 1)]
        (run / "console").mkdir(exist_ok=True)
        cast = "\n".join(json.dumps(row) for row in (header, *rows))
        (run / record["console"]).write_text(cast + "\n")
        mac = {"mac": "52:54:00:aa:07:01"}
        events = (
            {"kind": "dhcp-received", "t_ns": t0 + _S, "message": "DISCOVER", "xid": 7, **mac},
            {"kind": "dhcp-sent", "t_ns": t0 + _S, "message": "ACK", "xid": 7, "ip": "10.99.0.50", **mac},
            {"kind": "transfer-refused", "t_ns": t0 + 2 * _S, "protocol": "tftp", "peer": "10.99.0.50:1024",
             "name": "root.squashfs", "reason": "there is no such file in the plan", **mac},
        )  # fmt: skip
        (run / f"events-{index:03}.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))


def main() -> None:
    """Make nights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    for name, number in (("nights", 8), ("places", 3), ("images", 2), ("boots", 20)):
        parser.add_argument(f"--{name}", type=int, default=number)
    given = parser.parse_args()
    made = Made(nights=given.nights, boots=given.boots)
    if given.places != 3 or given.images != 2:
        places = {
            f"{'qemu' if n % 2 else 'board'}{n}": TYPES[n % len(TYPES)] for n in range(1, given.places + 1)
        }
        images = tuple(f"image-{n}" for n in range(1, given.images + 1))
        made = replace(made, places=places, images=images)
    sys.stdout.write(f"{make(given.folder, made)[-1]}\n")


if __name__ == "__main__":
    main()
