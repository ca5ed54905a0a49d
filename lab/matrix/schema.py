"""The shape of a matrix file, for pydantic. Error messages and the JSON schema are made of the descriptions.

`python -m lab.matrix.schema` prints the JSON schema, which docs/matrix.schema.json holds.
"""

import json
import re
import sys
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from lab.config.words import ArchName, Part, Pattern, Port

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h)")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")


def seconds_of(text: str) -> float:
    """Return the seconds of a duration such as 90s, 5m or 8h. Raises ValueError for other text."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or not float(match[1]):
        raise ValueError(f"{text!r} is no duration; write it like 90s, 5m or 8h")
    return float(match[1]) * _UNITS[match[2]]


def _duration(text: str) -> str:
    seconds_of(text)
    return text


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is no name: write 1 to 60 letters, digits, '.', '_' and '-'")
    return text


def _line(text: str) -> str:
    if not text.isprintable() or not text:
        raise ValueError("must be one line of printable characters")
    return text


Duration = Annotated[str, AfterValidator(_duration)]
Name = Annotated[str, AfterValidator(_name)]
Line = Annotated[str, AfterValidator(_line)]


class SecretFile(Part):
    """Where a secret lies: exactly one of these."""

    env: str | None = Field(default=None, description="the environment variable that holds it")
    file: str | None = Field(default=None, description="the file that holds it", examples=["hook-secret"])


class ImageFile(Part):
    """An image. Without `plan` or `plans`, one that is built in (`bootlab boot --help` names them)."""

    plan: str | None = Field(default=None, description="a plan of the site file", examples=["my-linux"])
    plans: dict[ArchName, str] = Field(
        default={}, description="plans of the site file by processor", examples=["{arm64: my-arm-linux}"]
    )
    ready: Pattern | None = Field(
        default=None,
        description="the console line that says that it is up, as a regular expression",
        examples=["'login:'"],
    )
    seconds: float = Field(
        default=120.0, gt=0, le=86_400, description="the longest time to `ready` after the last progress"
    )


class BootFile(Part):
    """Boots that are measured."""

    method: Literal["firmware", "driven"] = Field(
        default="firmware",
        description="firmware: its own way, no key pressed; driven: commands typed at U-Boot",
    )


class PytestFile(Part):
    """A run of pytest, with the place, the image and the number of boots as options (--lab-...)."""

    files: tuple[Line, ...] = Field(
        min_length=1, description="test files or folders, seen from this file", examples=["[tests/smoke]"]
    )
    options: tuple[Line, ...] = Field(
        default=(), description="further options of pytest", examples=["[-m, quick]"]
    )


class UpgradesFile(Part):
    """`bootlab test upgrades`: on emulated places, of the operating system `system`."""

    cuts: int = Field(default=3, ge=0, le=100_000, description="how many power cuts")
    classes: str | None = Field(default=None, description="failure classes, or all")
    system: str | None = Field(default=None, description="MODULE:CLASS of the operating system under test")


class _Settings(Part):
    boots: int | None = Field(default=None, ge=1, le=10_000, description="boots of each cell")
    timeout: Duration | None = Field(
        default=None, description="the longest that one boot, or one run of another suite, may take"
    )
    retries: int | None = Field(default=None, ge=0, le=10, description="how often a failed boot is repeated")
    give_up_after: int | None = Field(
        default=None, ge=1, le=10_000, description="so many failed boots in a row end the cell"
    )


class SuiteFile(_Settings):
    """A suite: exactly one of boot, pytest, upgrades; and settings of its own."""

    boot: BootFile | None = Field(
        default=None, description="boots that are measured; {} for the firmware's way"
    )
    pytest: PytestFile | None = Field(default=None, description="test files of yours")
    upgrades: UpgradesFile | None = Field(default=None, description="upgrades, rollbacks and power cuts")


class ExcludeFile(Part):
    """Cells that are left out: those that fit all that is given."""

    board: str | None = Field(default=None, description="a place or a board type", examples=["qemu1"])
    image: str | None = Field(default=None, description="an image")
    suite: str | None = Field(default=None, description="a suite")


class IncludeFile(_Settings):
    """A cell that is added, or that gets other settings; all the cells that fit, where they exist."""

    board: str | None = Field(default=None, description="a place or a board type", examples=["qemu1"])
    image: str | None = Field(default=None, description="an image")
    suite: str | None = Field(default=None, description="a suite")


class HealthFile(Part):
    """The check of each place before its cells."""

    image: str | None = Field(
        default=None,
        description="what every good board boots; without one, power, console and DHCP alone are looked at",
        examples=["small-linux"],
    )
    tries: int = Field(default=2, ge=1, le=10, description="how often it is tried before the place is sick")


class NoticedFile(Part):
    """From when on a slower or faster cell is news."""

    percent: float = Field(default=5.0, gt=0, le=1000, description="how many percent of the boot or stage")
    seconds: float = Field(default=0.1, ge=0, le=3600, description="and how many seconds")


class WebhookFile(Part):
    """An HTTP address that takes JSON by POST."""

    url: Line | None = Field(default=None, description="its address", examples=["https://chat.lab.test/hook"])
    secret_url: SecretFile | None = Field(
        default=None, description="where the address lies, if that is a secret", examples=["{env: HOOK_URL}"]
    )
    token: SecretFile | None = Field(default=None, description="sent as `Authorization: Bearer`")


class MailFile(Part):
    """Mail through a server of yours."""

    server: Line = Field(description="the mail server's name or address", examples=["mail.lab.test"])
    port: Port = Field(default=587, description="its TCP port")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="starttls, tls (usually port 465) or none"
    )
    user: Line | None = Field(default=None, description="who logs in there; nobody if left out")
    password: SecretFile | None = Field(default=None, description="where the password lies")
    sender: Line = Field(description="the sender's address", examples=["bootlab@lab.test"])
    to: tuple[Line, ...] = Field(min_length=1, description="addresses", examples=["[team@lab.test]"])


class NotifyFile(Part):
    """Who is told what changed since last night."""

    webhooks: tuple[WebhookFile, ...] = Field(default=(), description="HTTP addresses")
    mail: tuple[MailFile, ...] = Field(default=(), description="mail")
    always: bool = Field(default=False, description="whether to tell also that nothing changed")
    page: Line | None = Field(
        default=None, description="where the page of `bootlab serve` is", examples=["https://boot.lab.test"]
    )


class MatrixFile(_Settings):
    """A matrix: boards by images by suites."""

    name: Name | None = Field(default=None, description="what people call it; the file's name if left out")
    lab: str = Field(description="the site file", examples=["lab.yaml"])
    boards: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        description="places, or board types for all their places; every place if left out",
        examples=["[qemu1, raspberrypi-4b]"],
    )
    images: dict[Name, ImageFile] = Field(
        min_length=1, description="what is booted, by name", examples=["{small-linux: {}}"]
    )
    suites: dict[Name, SuiteFile] = Field(
        default={"boot": SuiteFile(boot=BootFile())}, min_length=1, description="what is done, by name"
    )
    include: tuple[IncludeFile, ...] = Field(default=(), description="cells to add, or with other settings")
    exclude: tuple[ExcludeFile, ...] = Field(default=(), description="cells to leave out")
    deadline: Duration | None = Field(
        default=None, description="how long the night may take", examples=["8h"]
    )
    pcap: bool = Field(default=True, description="whether the packets of each boot are recorded")
    emulators: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="how many emulated boards may be on at once; as many as there are cores if left out",
    )
    health: HealthFile | None = Field(
        default=HealthFile(), description="the check of each place before its cells; null: none"
    )
    noticed: NoticedFile = Field(default=NoticedFile(), description="what counts as slower or faster")
    notify: NotifyFile = Field(default=NotifyFile(), description="who is told")


def matrix_schema() -> dict[str, Any]:
    """Return the JSON schema of a matrix file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **MatrixFile.model_json_schema()}


def schema_text() -> str:
    """Return the schema as docs/matrix.schema.json holds it."""
    return json.dumps(matrix_schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
