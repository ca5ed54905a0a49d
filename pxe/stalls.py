"""A boot as it is shown: its record, and where it does not go on without anything having gone wrong, the rule
of `pxe.explain` that says so.

Made when somebody looks, not stored: the machine may go on at any moment, and then nothing of it is true.
"""

from pxe.boot.record import FINDINGS, Boot, State
from pxe.boot.record_json import BootReply, finding_reply, to_json
from pxe.explain import explain
from pxe.explain.evidence import Evidence, Silence


def shown(boot: Boot, *, now_ns: int, wall_ns: int, name: str = "") -> BootReply:
    """Return `boot` at `now_ns` of CLOCK_MONOTONIC as the API has it; `wall_ns` as for `to_json`."""
    reply = to_json(boot, now_ns=now_ns, wall_ns=wall_ns, name=name)
    if reply["state"] == State.STALLED and not reply["sentence"]:
        for finding in explain(Evidence(mac=boot.mac, silence=silence_of(boot, now_ns)))[:1]:
            reply["sentence"] = finding.sentence
            reply["findings"] = [
                *reply["findings"][-(FINDINGS - 1) :],
                finding_reply(boot, finding.event(finding.t_ns)),
            ]
    return reply


def silence_of(boot: Boot, now_ns: int) -> Silence:
    """What is known of a boot at `now_ns` that says nothing: since when, and what it did last."""
    still = [moved for moved in boot.transfers if not moved.outcome]
    moved = max(still, key=lambda it: it.still_ns or now_ns, default=None)
    since = boot.last_ns if moved is None else moved.still_ns or now_ns
    return Silence(
        t_ns=now_ns,
        since_ns=since,
        after_ns=since - boot.start_ns,
        step=boot.stages[-1].role if boot.stages else "first word",
        file=moved.name if moved is not None else "",
        sent=moved.sent if moved is not None else 0,
        size=moved.size if moved is not None else 0,
    )
