"""What the update servers serve, as `lab.updates.config` reads it from a file. Frozen values. Pure."""

from dataclasses import dataclass, field
from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class OfficeHours:
    """Updates are begun on these days (0: Monday) between `begin` and `end` of that timezone only."""

    timezone: ZoneInfo
    days: frozenset[int]
    begin: time
    end: time


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a group may be updated. Durations in seconds; None: no such limit."""

    enabled: bool = True
    max_concurrent: int | None = None
    max_per_period: int | None = None
    period_seconds: float = 3600.0
    update_timeout_seconds: float = 3600.0
    safe_mode: bool = False
    office_hours: OfficeHours | None = None
    max_failures: int = 3
    poll_interval_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """A file that update_engine installs; `board` as it calls itself (arm64-usr), "": any board."""

    version: str
    board: str
    name: str
    path: Path
    delta_from: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """The version that a channel offers, and versions on the way that no node may leave out, in order."""

    version: str
    floors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OmahaGroup:
    """Nodes whose `track` (GROUP= of update.conf) is `name`."""

    name: str
    channel: Channel
    policy: Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """An Omaha application. `id` as clients send it, with its braces."""

    name: str
    id: str
    payloads: tuple[Payload, ...]
    groups: tuple[OmahaGroup, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """How a release is let out: to this share of nodes at `start` (seconds since 1970), to all in the end.

    Without `minutes` the share stays as it is.
    """

    start: int = 0
    share: float = 0.0
    minutes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release of Fedora CoreOS: OSTree commits and container images by architecture (x86_64, aarch64)."""

    version: str
    checksums: dict[str, str] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    rollout: Rollout | None = None
    barrier: str = ""
    deadend: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A stream's releases, the oldest first."""

    name: str
    releases: tuple[Release, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockGroup:
    """A reboot group of FleetLock.

    `lease_seconds`: after so long a node that never came back loses its slot; None: never. `tolerate_lost`:
    as long as more nodes than that are lost, no further one may reboot. `health_url` must answer 2xx.
    """

    name: str
    slots: int = 1
    lease_seconds: float | None = None
    tolerate_lost: int = 0
    health_url: str = ""
    health_seconds: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All of it. `url`: as nodes reach us, no slash at its end. `keep_events`: the most in the record.

    `forget_seconds`: after so long a node that was not heard of is no longer listed.
    """

    address: str
    port: int
    url: str
    state: Path
    apps: tuple[App, ...] = ()
    streams: tuple[Stream, ...] = ()
    locks: tuple[LockGroup, ...] = ()
    max_nodes: int = 100_000
    keep_events: int = 2_000_000
    forget_seconds: float = 30 * 86_400.0
