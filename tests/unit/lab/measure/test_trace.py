import itertools
import json

from lab.measure.trace import trace_json
from lab.model import BootRecord, Cause, Failure, Milestone, Source, Timeline, TransferSpan

REQUIRED = {
    "M": {"name", "pid", "tid", "args"},
    "X": {"name", "cat", "pid", "tid", "ts", "dur"},
    "i": {"name", "cat", "pid", "tid", "ts", "s"},
}


def boot(index: int, ready: bool = True) -> BootRecord:
    t0 = 5_000_000_000 * (index + 1)
    spans = [("linux", 100, 900), ("initrd.gz", 500, 1500), ("linux", 1600, 1700)]
    return BootRecord(
        run_id="r", index=index, place='<b>"p"', board_type="b", image="i", method="firmware",
        started_at="", ready=ready, failure=None if ready else Failure(Cause.KERNEL_PANIC, "It panicked."),
        timeline=Timeline(
            t0_ns=t0,
            milestones=(
                Milestone("console", t0 + 1000, Source.CONSOLE),
                Milestone("dhcp", t0 + 2000, Source.WIRE, "DISCOVER"),
                Milestone("ready", t0 + 7500, Source.CONSOLE, "login:"),
            ),
            transfers=tuple(
                TransferSpan(
                    protocol="tftp", name=n, start_ns=t0 + a, end_ns=t0 + b, size=9, sent=9,
                    options={"blksize": 1468}
                )
                for n, a, b in spans
            ),
        ),
    )  # fmt: skip


def load(*records: BootRecord) -> list[dict]:
    trace = json.loads(trace_json(records, {"ready": "Installer ready"}))
    assert set(trace) == {"displayTimeUnit", "traceEvents"}
    assert trace["displayTimeUnit"] in ("ms", "ns")
    return trace["traceEvents"]


def test_every_event_has_the_fields_of_its_phase():
    for event in load(boot(0), boot(1, ready=False)):
        assert REQUIRED[event["ph"]] <= set(event)
        assert isinstance(event["pid"], int)
        assert event["pid"] > 0
        assert isinstance(event["tid"], int)
        assert isinstance(event.get("args", {}), dict)
        if event["ph"] == "X":
            assert event["dur"] >= 0
        if event["ph"] == "i":
            assert event["s"] in "gpt"


def test_slices_of_one_track_do_not_overlap():
    tracks: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for event in load(boot(0), boot(1)):
        if event["ph"] == "X":
            tracks.setdefault((event["pid"], event["tid"]), []).append(
                (event["ts"], event["ts"] + event["dur"])
            )
    for slices in tracks.values():
        slices.sort()
        assert all(end <= start for (_, end), (start, _) in itertools.pairwise(slices))
    assert len(tracks) == 8  # per boot: the stages and three transfers


def test_every_track_and_process_has_a_name():
    events = load(boot(0), boot(1, ready=False))
    named = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["name"] == "thread_name"}
    assert {(e["pid"], e["tid"]) for e in events if e["ph"] != "M"} <= set(named)
    assert [n for (pid, _), n in named.items() if pid == 1] == [
        "stages (power and console)", "wire", "tftp/linux", "tftp/initrd.gz", "tftp/linux#2",
    ]  # fmt: skip
    assert [e["args"]["name"] for e in events if e["name"] == "process_name"] == [
        'boot 1 of <b>"p": ready', 'boot 2 of <b>"p": kernel-panic',
    ]  # fmt: skip


def test_times_are_microseconds_since_power_on():
    ready = next(e for e in load(boot(3)) if e["ph"] == "i" and e["name"] == "Installer ready")
    assert ready["ts"] == 7.5
    assert ready["args"] == {"milestone": "ready", "source": "console", "detail": "login:"}
    linux = next(e for e in load(boot(3)) if e["cat" if e["ph"] != "M" else "ph"] == "transfer")
    assert (linux["ts"], linux["dur"], linux["args"]["blksize"]) == (0.1, 0.8, 1468)
    assert linux["args"]["bytes_per_second"] == 11250000
