"""The shape of the update servers' file, for pydantic. Error messages are made of the descriptions."""

import re
from datetime import datetime, time
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from lab.config.words import Part

FLATCAR_ID = "{e96281a6-d1af-4bde-9a0a-97b76e56dc57}"


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}", text):
        raise ValueError(f"{text!r} is no name: write 1 to 64 letters, digits, '.', '_' or '-'")
    return text


def _lock_name(text: str) -> str:
    if not re.fullmatch(r"[a-zA-Z0-9.-]{1,64}", text):
        raise ValueError(f"{text!r} is no reboot group: FleetLock wants ^[a-zA-Z0-9.-]+$")
    return text


def _moment(text: str) -> str:
    try:
        if datetime.fromisoformat(text).tzinfo is None:
            raise ValueError
    except ValueError:
        raise ValueError(f"{text!r} is no time with its zone; write it like 2026-11-23T08:00:00Z") from None
    return text


def _clock(text: str) -> str:
    try:
        time.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time of day; write it like '09:00'") from None
    return text


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ValueError, OSError, LookupError):
        raise ValueError(f"{text!r} is no timezone of this host; write it like Europe/Berlin") from None
    return text


def _listen(text: str) -> str:
    address, _, port = text.rpartition(":")
    if not address or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"{text!r} is no address with its port; write it like 10.99.0.1:8070")
    return text


def _url(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", text):
        raise ValueError(f"{text!r} is no URL; write it like http://10.99.0.1:8070")
    return text


Name = Annotated[str, AfterValidator(_name)]
LockName = Annotated[str, AfterValidator(_lock_name)]
Moment = Annotated[str, AfterValidator(_moment)]
Clock = Annotated[str, AfterValidator(_clock)]
Zone = Annotated[str, AfterValidator(_zone)]
Listen = Annotated[str, AfterValidator(_listen)]
Url = Annotated[str, AfterValidator(_url)]
Seconds = Annotated[float, Field(gt=0, le=30 * 86_400)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class OfficeHoursFile(Part):
    """When updates may begin."""

    timezone: Zone = Field(description="the timezone that is meant", examples=["Europe/Berlin"])
    days: tuple[Day, ...] = Field(
        default=("mon", "tue", "wed", "thu", "fri"), description="the days, mon to sun"
    )
    begin: Clock = Field(default="09:00", description="from this time of day", examples=["'09:00'"])
    end: Clock = Field(default="17:00", description="to this time of day", examples=["'17:00'"])


class GroupFile(Part):
    """Nodes with GROUP= of this name in their update.conf, and how they may be updated."""

    channel: str = Field(description="the channel that they follow", examples=["stable"])
    enabled: bool = Field(default=True, description="whether they get updates at all")
    max_concurrent: Count | None = Field(default=None, description="the most nodes that update at once")
    max_per_period: Count | None = Field(default=None, description="the most updates begun in a period")
    period_seconds: Seconds = Field(default=3600.0, description="length of a period")
    update_timeout_seconds: Seconds = Field(
        default=3600.0, description="after this long a node that does not say how it went gives its slot back"
    )
    safe_mode: bool = Field(
        default=False, description="one node goes first; where it fails the group is paused"
    )
    office_hours: OfficeHoursFile | None = Field(default=None, description="when updates may begin")
    max_failures: Count = Field(
        default=3, description="after so many failures with one version a node is offered it no more"
    )
    poll_interval_seconds: Annotated[int, Field(ge=1, le=14_400)] | None = Field(
        default=None,
        description="how often nodes shall ask; update_engine takes 2700 (its default) to 14400",
    )


class ChannelFile(Part):
    """What a channel offers."""

    version: Name = Field(description="the version", examples=["4700.1.0"])
    floors: tuple[Name, ...] = Field(
        default=(), description="versions on the way that no node may leave out, the oldest first"
    )


class PayloadFile(Part):
    """A payload that update_engine can install."""

    version: Name = Field(description="the version that it installs", examples=["4700.1.0"])
    file: str = Field(description="the file", examples=["payloads/flatcar_production_update.gz"])
    board: Literal["amd64-usr", "arm64-usr", ""] = Field(
        default="", description="for which board; any where it is left out"
    )
    delta_from: Name | None = Field(
        default=None, description="a delta payload: the version that it can be applied to"
    )


class AppFile(Part):
    """An application that updates itself by Omaha."""

    id: str = Field(
        default=FLATCAR_ID, max_length=64, description="its id, with braces; Flatcar's if left out"
    )
    payloads: tuple[PayloadFile, ...] = Field(default=(), description="the payloads that are served")
    channels: dict[Name, ChannelFile] = Field(description="channels by name")
    groups: dict[Name, GroupFile] = Field(description="groups by name")


class RolloutFile(Part):
    """How a release is let out."""

    start: Moment = Field(
        default="1970-01-01T00:00:00Z", description="when", examples=["2026-11-23T08:00:00Z"]
    )
    start_percent: Annotated[float, Field(ge=0, le=100)] = Field(
        default=0.0, description="which part of the nodes gets it at once"
    )
    minutes: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="after how many minutes all have it; if left out, no more get it"
    )


class ReleaseFile(Part):
    """A release of Fedora CoreOS."""

    version: Name = Field(description="its version", examples=["43.20251024.3.0"])
    checksums: dict[Name, str] = Field(
        default={}, description="OSTree commits by architecture", examples=["{aarch64: 0f1e...}"]
    )
    images: dict[Name, str] = Field(
        default={},
        description="container images with digest, by architecture",
        examples=["{aarch64: 'quay.io/fedora/fedora-coreos@sha256:0f1e...'}"],
    )
    rollout: RolloutFile | None = Field(
        default=None, description="let it out; without this only a barrier is offered"
    )
    barrier: str = Field(default="", description="why every node must pass through this release")
    deadend: str = Field(default="", description="why no node gets away from this release")


class StreamFile(Part):
    """A stream."""

    releases: tuple[ReleaseFile, ...] = Field(min_length=1, description="its releases, the oldest first")


class LockGroupFile(Part):
    """A reboot group of FleetLock."""

    slots: Count = Field(default=1, description="how many nodes may reboot at once")
    lease_seconds: Seconds | None = Field(
        default=None,
        description="after this long a node that never came back loses its slot; never if left out",
    )
    tolerate_lost: Annotated[int, Field(ge=0)] = Field(
        default=0, description="with more lost nodes than this nobody else may reboot"
    )
    health_url: Url | None = Field(
        default=None, description="what must answer 2xx, else nobody may reboot", examples=["http://lb/ready"]
    )
    health_seconds: Seconds = Field(default=10.0, description="how often it is asked")


class UpdatesFile(Part):
    """The update servers."""

    listen: Listen = Field(default="127.0.0.1:8070", description="address and TCP port to listen on")
    url: Url | None = Field(
        default=None, description="how nodes reach us, if not by that address", examples=["http://lab:8070"]
    )
    state: str = Field(default="state/updates", description="folder of the state and the record")
    omaha: dict[Name, AppFile] = Field(default={}, description="Omaha: applications by name")
    cincinnati: dict[Name, StreamFile] = Field(default={}, description="Cincinnati: streams by name")
    fleetlock: dict[LockName, LockGroupFile] = Field(
        default={}, description="FleetLock: reboot groups by name"
    )
    max_nodes: Count = Field(default=100_000, description="the most nodes that each server remembers")
    keep_events: Annotated[int, Field(ge=1000)] = Field(
        default=2_000_000, description="the most events that the record keeps"
    )
    forget_days: Annotated[float, Field(gt=0, le=3650)] = Field(
        default=30.0, description="after so many days a node that was not heard of is no longer listed"
    )
