"""A real delay in the boots of a board is found, and named by its stage.

tests/hil/delay_table.py is the long one.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from lab.comparison.compare import compare_samples
from lab.comparison.sample import sample_of
from lab.config import Site
from lab.images import Image, small_linux
from lab.model import MilestoneRule, Source
from lab.sandbox.impairment import Impairment
from lab.series import Series
from lab.session import LabSession
from lab.statistics import Verdict
from lab.store import load_run

pytestmark = pytest.mark.hil
DELAY = 0.25  # seconds that each packet takes longer, either way
BOOTS = 7  # fewer could not tell, with so many stages
# As far as our boot script, which is three seconds: what the cable does needs no kernel
_SCRIPT = MilestoneRule("script", Source.WIRE, r"^transfer-ended boot\.scr", "boot script fetched")


def as_far_as_the_script(image: Image) -> Image:
    return replace(image, milestones=(_SCRIPT,), deadlines={"script": 60})


@pytest.mark.timeout(600)
def test_a_slow_cable_is_found_in_the_stages_that_it_slows(
    site: Site, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wired = site.place(place)
    if wired is None or wired.power.kind != "qemu" or wired.board_type != "qemu-virt-arm64":
        pytest.skip("makes the cable of an emulated board slow")
    with LabSession(site) as lab:  # of its own: its cable is another one from now on
        before, after = measured(lab, place, tmp_path, monkeypatch)
    baseline, candidate = (sample_of(load_run(folder)) for folder in (before, after))
    found = compare_samples(replace(baseline, name="before"), replace(candidate, name="after"))
    slower = {row.end for row in found.rows if row.difference.verdict is Verdict.SLOWER}
    assert "dhcp-ack" in slower, found
    (stage,) = [row for row in found.rows if row.end == "dhcp-ack"]
    assert stage.difference.shift > DELAY, "OFFER and REQUEST go through the cable"
    assert found.worse


def measured(
    lab: LabSession, place: str, results: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, Path]:
    """Boot with a good cable and with a slow one; return both runs."""
    board = lab.board(place)
    early = tuple(
        rule for rule in board.board_type.milestones if not rule.name.startswith(("kernel", "init"))
    )
    monkeypatch.setattr(board, "board_type", replace(board.board_type, milestones=early))
    image = as_far_as_the_script(small_linux(board.board_type.console_args, board.board_type.arch))
    series = Series(session=lab, place=place, image=image, results=results, pcap=False)
    slow = Impairment(delay_ms=DELAY * 1000)
    assert lab.sandbox is not None
    with series.open() as before, series.open() as after:
        for _ in range(BOOTS):  # in turns: a host that is busy for a while is so for both
            lab.sandbox.impair(place, None)
            before.boot()
            lab.sandbox.impair(place, slow)
            after.boot()
    return before.folder, after.folder
