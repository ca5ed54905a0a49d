from lab.matrix.model import Cell, SuiteKind
from lab.matrix.night import CellNight
from lab.matrix.page.waterfall import StageRow, waterfall
from lab.testing.runs import boots, failed, record, run


def cell(*records, name="a"):
    return CellNight(
        cell=Cell("p1", "image", "boot"), board_type="board", emulated=True, kind=SuiteKind.BOOT, planned=20,
        runs=(run(name, records, titles={"ready": "the shell"}),),
    )  # fmt: skip


def test_two_nights_are_drawn_on_one_axis():
    before = cell(record(0, {"u-boot": 1.0, "ready": 4.0}))
    now = cell(record(0, {"u-boot": 1.0, "ready": 8.0}), failed(1), name="b")
    found = waterfall(now, before)
    assert [(lane.name, lane.total) for lane in found.lanes] == [("before", "4.00 s"), ("now", "8.00 s")]
    assert [[(b.bar.left, b.bar.width) for b in lane.bars] for lane in found.lanes] == [
        [(0.0, 12.5), (12.5, 37.5)],
        [(0.0, 12.5), (12.5, 87.5)],
    ]
    assert [(row.title, row.before, row.now) for row in found.rows] == [
        ("u-boot", "1.00", "1.00"),
        ("the shell", "3.00", "7.00"),
    ]


def test_a_stage_that_one_night_lacks_has_a_dash_there():
    found = waterfall(cell(record(0, {"ready": 4.0})), cell(record(0, {"init": 1.0, "ready": 4.0})))
    assert {row.title: (row.before, row.now) for row in found.rows} == {
        "the shell": ("3.00", "4.00"),
        "init": ("1.00", "–"),
    }


def test_the_first_night_has_one_lane():
    found = waterfall(cell(*boots(5)), None)
    assert [lane.name for lane in found.lanes] == ["now"]
    assert all(isinstance(row, StageRow) and row.before == "–" for row in found.rows)


def test_nothing_is_drawn_where_no_boot_got_ready():
    assert waterfall(cell(failed(0)), cell(*boots(3))) is None
