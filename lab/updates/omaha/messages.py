"""What is asked and what is answered, as values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EventReport:
    """An <event>. `code` is the error code with its flags; 0 where there is none."""

    type: int
    result: int
    code: int = 0
    previous: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppRequest:
    """An <app> of a request: who asks, what it runs, what it wants."""

    id: str
    version: str
    track: str
    machine: str
    alias: str = ""
    board: str = ""
    boot: str = ""
    delta_okay: bool = False
    ping: bool = False
    check: bool = False
    events: tuple[EventReport, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A <request>."""

    protocol: str
    source: str = ""
    apps: tuple[AppRequest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A payload as it is offered: hashes in base64, size in bytes, `codebase` a URL that ends with "/"."""

    version: str
    codebase: str
    name: str
    size: int
    sha1: str
    sha256: str
    delta: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AppAnswer:
    """An <app> of a response. `check`: "" (not asked), ok, noupdate, error-internal; `why` is for people."""

    id: str
    status: str = "ok"
    ping: bool = False
    events: int = 0
    check: str = ""
    why: str = ""
    package: Package | None = None
    poll_interval: int | None = None
