"""The long proof by real delays: `python -m pytest tests/hil/delay_table.py` (a quarter of an hour and more).

Not collected by `make test`. The small Linux of the emulated board sleeps before it says that it is up: what
is 10 % of a boot is to be found with 20 boots on either side, and bisected among eight versions. The host is
to be quiet: on a busy one the answer is "not enough samples", and this fails.
"""

import gzip
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.bisect.boots import BootProbe
from lab.bisect.journal import Header, Journal
from lab.bisect.search import Goal, Search
from lab.comparison.compare import compare_samples
from lab.comparison.sample import sample_of
from lab.config import Site
from lab.images import Image, small_linux
from lab.measure.statistics import summarise
from lab.series import Series
from lab.session import LabSession
from lab.smalllinux import archive, entries
from lab.statistics import Verdict
from lab.store import load_run
from pxe.plan import Asset

pytestmark = [pytest.mark.hil, pytest.mark.timeout(7200)]
BOOTS = 20
FIRST_SLOW, VERSIONS = 5, 8
STAGE = ("init", "up")


def sleeping(image: Image, seconds: float, folder: Path) -> Image:
    """The image with an initramfs that sleeps before it says that it is up."""
    assert image.plan.initrd is not None
    files = list(entries(gzip.decompress(image.plan.initrd.path.read_bytes())))
    words = f'/bin/busybox sleep {math.ceil(seconds)}\necho "'.encode() if seconds else b'echo "'
    made = [replace(e, data=e.data.replace(b'echo "', words, 1)) if e.name == "init" else e for e in files]
    path = folder / f"sleeps-{math.ceil(seconds)}.gz"
    path.write_bytes(gzip.compress(archive(made), mtime=0))
    return replace(image, plan=replace(image.plan, initrd=Asset("initrd.gz", path)))


@pytest.fixture
def series(site: Site, place: str, tmp_path: Path) -> Iterator[Callable[[float], Series]]:
    session = LabSession(site)
    board = session.board(place)
    if not board.emulated or board.board_type.arch != "arm64":
        pytest.skip("changes what an emulated board boots")
    image = small_linux(board.board_type.console_args, board.board_type.arch)

    def make(seconds: float) -> Series:
        slow = sleeping(image, seconds, tmp_path)
        return Series(session=session, place=place, image=slow, results=tmp_path, pcap=False)

    yield make
    session.close()


def test_a_boot_that_is_slower_by_a_tenth_is_found_and_the_same_is_the_same(
    series: Callable[[float], Series],
) -> None:
    with series(0).open() as first:
        for _ in range(3):
            first.boot()
    usual = summarise(sample_of(load_run(first.folder)).values(None, "up")).median
    assert usual is not None
    delay = math.ceil(usual / 10)  # busybox sleeps whole seconds
    with series(0).open() as before, series(0).open() as again, series(delay).open() as after:
        for _ in range(BOOTS):
            for run in (before, again, after):
                run.boot()
    baseline, same, slow = (sample_of(load_run(run.folder)) for run in (before, again, after))
    print(f"{usual:.2f} s, slower by {delay} s ({delay / usual:.0%})")
    found = compare_samples(replace(baseline, name="before"), replace(slow, name="after"))
    print(*found.rows, *found.notes, sep="\n")
    assert found.rows[0].difference.verdict is Verdict.SLOWER
    assert [r.end for r in found.rows[1:] if r.difference.verdict is Verdict.SLOWER] == ["up"]
    control = compare_samples(replace(baseline, name="before"), replace(same, name="again"))
    print(*control.rows, *control.notes, sep="\n")
    assert control.verdict in (Verdict.SAME, Verdict.NOT_ENOUGH_SAMPLES)


def test_the_first_slow_version_is_found(series: Callable[[float], Series], tmp_path: Path) -> None:
    versions = tuple(f"v{number}" for number in range(VERSIONS))
    journal = Journal.open(tmp_path / "bisect.jsonl", Header(versions=versions))

    def of(version: str) -> Series:
        return series(3.0 if versions.index(version) >= FIRST_SLOW else 0.0)

    with BootProbe(of, STAGE) as boots:
        found = Search(versions, Goal(timed=True), boots, journal).run(lambda *seen: print(*seen))
    print(found)
    assert found.candidates == (versions[FIRST_SLOW],)
    assert found.sure >= 0.99
