"""The words of the record: what can happen to a node or a group. Pure."""

from enum import StrEnum


class Kind(StrEnum):
    """Kind of an event. The comment says what its detail holds."""

    # Omaha. A slot is taken by GRANTED and given back by COMPLETE, FAILED, ROLLED_BACK, TIMED_OUT and LEFT
    GRANTED = "granted"  # version, from
    RETARGETED = "retargeted"  # version: the channel moved on while the node had a slot
    DOWNLOADING = "downloading"
    DOWNLOADED = "downloaded"
    INSTALLED = "installed"
    COMPLETE = "complete"  # version, from
    FAILED = "failed"  # version, code, words
    ROLLED_BACK = "rolled_back"  # version: the one that did not boot
    TIMED_OUT = "timed_out"  # version, after (seconds)
    LEFT = "left"  # the node asks for another group now
    HELD = "held"  # version, failures: not offered any more until released
    # FleetLock. A slot is taken by LOCKED and given back by UNLOCKED, EXPIRED and FREED
    LOCKED = "locked"
    UNLOCKED = "unlocked"
    EXPIRED = "expired"  # after (seconds)
    FREED = "freed"  # reason: an operator's unlock
    RETURNED = "returned"  # a lost node came back
    # Cincinnati
    OFFERED = "offered"  # version, from
    UPDATED = "updated"  # version, from
    # Groups; node is ""
    LIMITS = "limits"  # those in force from here on
    PAUSED = "paused"  # reason
    RELEASED = "released"


# What takes a slot of a limited group, and what gives it back
TAKES = frozenset({Kind.GRANTED, Kind.LOCKED})
GIVES = frozenset(
    {
        Kind.COMPLETE,
        Kind.FAILED,
        Kind.ROLLED_BACK,
        Kind.TIMED_OUT,
        Kind.LEFT,
        Kind.UNLOCKED,
        Kind.EXPIRED,
        Kind.FREED,
    }
)
