from lab.upgrades.cuts import CutResult
from lab.upgrades.summary import summary


def cut(operation, *, unflushed=1, seconds=10.0, faults=()):
    return CutResult(
        number=0, seed=7, operation=operation, stage="request", plan="", at="", after=1.0, write=1,
        unflushed=unflushed, lost=1, torn=0, disk="", system="A 1", seconds=seconds, faults=faults,
    )  # fmt: skip


def test_all_cuts_and_each_operation():
    results = [cut("upgrade"), cut("config", unflushed=0), cut("upgrade", seconds=None, faults=("brick",))]
    assert summary(results) == [
        "power cuts of seed 7: 2 of 3 came back whole; 2 met writes that were not flushed, 3 of them lost, "
        "0 torn; ready after 10.0 s (10.0 to 10.0)",
        "  in config: 1 of 1 came back whole; 0 met writes that were not flushed, 1 of them lost, 0 torn"
        "; ready after 10.0 s (10.0 to 10.0)",
        "  in upgrade: 1 of 2 came back whole; 2 met writes that were not flushed, 2 of them lost, 0 torn"
        "; ready after 10.0 s (10.0 to 10.0)",
    ]


def test_no_cuts():
    assert summary([]) == []
