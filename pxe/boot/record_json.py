"""A boot's record as JSON: for the API, the page and scripts. Pure."""

from typing_extensions import TypedDict

from pxe.boot.record import Boot, Moved, Stage
from pxe.events import FindingMade


class StageReply(TypedDict):
    """One step of a boot. `by`: the firmware that asked DHCP, else the protocol; `count`: messages, files."""

    stage: str
    by: str
    count: int
    from_ms: float
    to_ms: float | None


class MovedReply(TypedDict):
    """One transfer of a boot; `outcome` is empty while it goes on."""

    transfer: str
    name: str
    stage: str
    protocol: str
    size: int
    sent: int
    repeated: int
    outcome: str
    detail: str
    from_ms: float
    to_ms: float | None


class FindingReply(TypedDict):
    """Why it does not boot, or not well, and how to mend it; `severity` is fatal or warning."""

    rule: str
    sentence: str
    cure: str
    severity: str
    evidence: list[str]
    at_ms: float


class BeforeReply(TypedDict):
    """The boot before, where it did not come to its end; `times`: so many in a row."""

    id: str
    state: str
    sentence: str
    times: int


class BootReply(TypedDict):
    """One boot of one machine. `state`: booting, done, waiting, stalled, failed, unknown; `sentence` says why
    it does not go on. `began` is in seconds since 1970; all `_ms` count from there, also `now_ms`, which
    is when the record was shown; `to_ms` is null while it goes on."""

    id: str
    mac: str
    name: str
    known: bool
    state: str
    sentence: str
    plan: str | None
    firmware: str
    arch: str
    vendor_class: str
    ip: str
    began: float
    last_ms: float
    now_ms: float
    done_ms: float | None
    system_heard: bool
    first_event: int
    last_event: int
    stages: list[StageReply]
    transfers: list[MovedReply]
    transfers_left_out: int
    findings: list[FindingReply]
    before: BeforeReply | None


def to_json(boot: Boot, *, now_ns: int, wall_ns: int, name: str = "") -> BootReply:
    """Return the record at `now_ns` of CLOCK_MONOTONIC; `wall_ns` is what to add for time since 1970."""
    return {
        "id": boot.ident,
        "mac": boot.mac,
        "name": name,
        "known": boot.known,
        "state": boot.state(now_ns).value,
        "sentence": boot.sentence(),
        "plan": boot.plan,
        "firmware": boot.firmware,
        "arch": boot.arch,
        "vendor_class": boot.vendor_class,
        "ip": boot.ip,
        "began": round((boot.start_ns + wall_ns) / 1e9, 3),
        "last_ms": _ms(boot, boot.last_ns),
        "now_ms": _ms(boot, now_ns),
        "done_ms": _end(boot, boot.done_ns),
        "system_heard": boot.running,
        "first_event": boot.first_seq,
        "last_event": boot.last_seq,
        "stages": [_stage(boot, stage) for stage in boot.stages],
        "transfers": [_moved(boot, moved) for moved in boot.transfers],
        "transfers_left_out": boot.dropped,
        "findings": [finding_reply(boot, told.finding) for told in boot.findings],
        "before": _before(boot),
    }


def _before(boot: Boot) -> BeforeReply | None:
    found = boot.previous
    if found is None:
        return None
    return {
        "id": found.ident,
        "state": found.state.value,
        "sentence": found.sentence,
        "times": found.times,
    }


def _ms(boot: Boot, t_ns: int) -> float:
    return max(0.0, round((t_ns - boot.start_ns) / 1e6, 1))


def _end(boot: Boot, t_ns: int | None) -> float | None:
    return None if t_ns is None else _ms(boot, t_ns)


def _stage(boot: Boot, stage: Stage) -> StageReply:
    return {
        "stage": stage.role.value,
        "by": stage.by,
        "count": stage.count,
        "from_ms": _ms(boot, stage.start_ns),
        "to_ms": _end(boot, stage.end_ns),
    }


def _moved(boot: Boot, moved: Moved) -> MovedReply:
    return {
        "transfer": moved.transfer,
        "name": moved.name,
        "stage": moved.role.value,
        "protocol": moved.protocol,
        "size": moved.size,
        "sent": moved.sent,
        "repeated": moved.repeated,
        "outcome": moved.outcome,
        "detail": moved.detail,
        "from_ms": _ms(boot, moved.start_ns),
        "to_ms": _end(boot, moved.end_ns),
    }


def finding_reply(boot: Boot, finding: FindingMade) -> FindingReply:
    """Return a finding of a boot."""
    return {
        "rule": finding.rule,
        "sentence": finding.sentence,
        "cure": finding.cure,
        "severity": finding.severity,
        "evidence": list(finding.evidence),
        "at_ms": _ms(boot, finding.t_ns),
    }
