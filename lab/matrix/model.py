"""The matrix as frozen values: what is to be booted where, how often, and whom to tell. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class SuiteKind(StrEnum):
    """What a suite does on a place with an image."""

    BOOT = "boot"  # N boots, measured
    PYTEST = "pytest"  # a run of pytest over test files of the user's
    UPGRADES = "upgrades"  # `bootlab test upgrades`: upgrade, rollback, power cuts


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSpec:
    """An image: built in (`plans` is empty), or a plan of the site for each processor ("" is any).

    `ready` is the regular expression of the console line that says that it is up, `seconds` the longest
    time to it after the last progress.
    """

    name: str
    plans: Mapping[str, str] = field(default_factory=dict)
    ready: str = ""
    seconds: float = 120.0

    def plan_for(self, arch: str) -> str | None:
        """The site's plan for a processor; None where there is none."""
        return self.plans.get(arch, self.plans.get(""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A suite. `method` is of `boot` (firmware or driven), `files` of `pytest`, `options` of both others.

    `system` stands for the image where the suite is `upgrades`: it tests one system of its own.
    """

    name: str
    kind: SuiteKind
    method: str = "firmware"
    files: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    system: ImageSpec = ImageSpec(name="refos")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a cell is run. `timeout`: seconds for one boot, or for one run of another suite. `retries`: how
    often a boot that failed is tried again. `give_up_after`: so many failed boots in a row end the cell."""

    boots: int = 10
    timeout: float = 600.0
    retries: int = 1
    give_up_after: int = 3


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One square of the matrix, by its names."""

    place: str
    image: str
    suite: str

    def __str__(self) -> str:
        return f"{self.place}/{self.image}/{self.suite}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A cell with all that is needed to run it."""

    cell: Cell
    board_type: str
    emulated: bool
    suite: Suite
    image: ImageSpec
    settings: Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSettings:
    """The check of a place. `image`: what every good board boots; None: power, console and network are looked
    at alone. `tries`: how often a place may be tried."""

    image: ImageSpec | None = None
    tries: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """From when on a slower or faster cell is news: both must be exceeded."""

    percent: float = 5.0
    seconds: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A value that is not written down: in an environment variable or a file."""

    env: str = ""
    file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An HTTP address that takes JSON. `token` goes along as `Authorization: Bearer`."""

    url: str | Secret
    token: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail server and who gets mail. `security`: none, starttls or tls."""

    server: str
    port: int
    sender: str
    to: tuple[str, ...]
    security: str = "starttls"
    user: str = ""
    password: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """A matrix file, read. `left_out` are sentences about squares that cannot be, such as a foreign kernel.

    `deadline` is in seconds from the night's beginning; None: none. `digest` tells one matrix from another.
    """

    name: str
    file: Path
    lab: Path
    tasks: tuple[Task, ...]
    left_out: tuple[str, ...] = ()
    pcap: bool = True  # whether each boot's packets are recorded
    emulators: int = 1  # how many emulated boards may be on at once
    deadline: float | None = None
    health: HealthSettings | None = None
    noticed: Noticed = Noticed()
    webhooks: tuple[Webhook, ...] = ()
    mails: tuple[Mail, ...] = ()
    always: bool = False  # tell also when nothing changed
    page: str = ""  # where the operator page is
    digest: str = ""

    @property
    def places(self) -> tuple[str, ...]:
        """Names of the places in the order of the file."""
        return tuple(dict.fromkeys(task.cell.place for task in self.tasks))
