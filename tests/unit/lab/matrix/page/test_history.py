import pytest

from lab.index import open_index
from lab.matrix.model import Cell, SuiteKind
from lab.matrix.night import CellNight, Night
from lab.matrix.page.history import history_of
from lab.model import Cause
from lab.testing.runs import boots, failed, written

NIGHTS = 24
CELL = CellNight(
    cell=Cell("p1", "image", "boot"), board_type="board", emulated=True, kind=SuiteKind.BOOT, planned=3
)


def name(number):
    return f"202611{number:02}T220000Z-{number:06x}"


def write(results, number, records, suffix=0, **changes):
    run_id = f"202611{number:02}T2200{suffix:02}Z-{number:06x}"
    at = f"2026-11-{number:02}T22:00:00+00:00"
    written(results, run_id, records, **{"started_at": at, "night": name(number), **changes})


@pytest.fixture
def index(tmp_path):
    for number in range(1, NIGHTS + 1):
        slower = 1.3 if number > 12 else 1.0
        files = "old" if number <= 12 else "new"
        write(tmp_path, number, boots(3, seed=number, kernel=slower), image_digest=files)
    with open_index("sqlite://") as found:
        yield tmp_path, found


def history(index, number=NIGHTS):
    results, found = index
    found.ingest(results)
    return history_of(found, Night(id=name(number), folder=results, matrix="m", digest="", began=""), CELL)


def test_a_level_that_changed_is_found_with_the_files_of_that_night(index):
    seen = history(index)
    assert [level.start for level in seen.levels] == [0, 12]
    assert seen.levels[1].median > 1.1 * seen.levels[0].median
    assert [point.name for point in seen.points if point.other_image] == [name(13)]
    assert (seen.rate.failed, seen.rate.n) == (0, 3 * NIGHTS)


def test_only_nights_up_to_this_one_of_this_place_count(index):
    write(index[0], 4, boots(3), suffix=1, place="p2")
    write(index[0], 5, boots(3), suffix=1, emulated=False)
    write(index[0], 6, boots(3), suffix=1, night="")
    seen = history(index, 10)
    assert [point.name for point in seen.points] == [name(number) for number in range(1, 11)]
    assert {len(point.seconds) for point in seen.points} == {3}


def test_what_the_lab_failed_is_not_counted(index):
    write(index[0], 3, (failed(0), failed(1, Cause.LAB_FAULT)), suffix=1)
    seen = history(index)
    assert (seen.rate.failed, seen.rate.n) == (1, 3 * NIGHTS + 1)
    assert [point.failed for point in seen.points if point.failed] == [1]
