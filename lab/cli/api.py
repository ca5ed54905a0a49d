"""What the commands that speak to a running boot service share: how to reach it, how to show a listing."""

import functools
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from lab.config.api import ApiAddress, read_api
from lab.errors import UsageError
from lab.netboot import BootService

_DEFAULT_SITE = Path("lab.yaml")
_LONG = 20  # characters: what is no longer than a time of day with its date is not put below its row
_options = (
    click.option(
        "-c",
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="BOOTLAB_CONFIG",
        show_envvar=True,
        help="The site file, which says where the API is.  [default: lab.yaml]",
    ),
    click.option(
        "--url",
        default="",
        envvar="BOOTLAB_URL",
        show_envvar=True,
        help="Instead of a site file: the API's address, such as https://lab1:8067.",
    ),
    click.option(
        "--token",
        default="",
        envvar="BOOTLAB_TOKEN",
        show_envvar=True,
        help="Who you are, over TCP. Better in the environment: others see a command line.",
    ),
    click.option(
        "--ca",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="BOOTLAB_CA",
        show_envvar=True,
        help="PEM file: the certificate that the API has, or who signed it.",
    ),
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print what the API says, as JSON.")


def site_of(config: Path | None) -> ApiAddress:
    """Where the API of a site file is. Raises UsageError where there is none."""
    if config is None and not _DEFAULT_SITE.is_file():
        raise UsageError(
            "there is no lab.yaml here: name the site file with -c, or the API's address with --url"
        )
    return read_api(config or _DEFAULT_SITE)


def connect(config: Path | None, url: str, token: str, ca: Path | None) -> BootService:
    """The service that the options mean."""
    if url:
        if not url.startswith(("http://", "https://")):
            raise UsageError(f"--url {url}: write it like https://lab1:8067")
        return BootService(url, token=token, ca=ca)
    site = site_of(config)
    return BootService(site.address, token=token, ca=ca or site.ca)


def with_api(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say where the API is; the command gets an open `service` instead."""

    @functools.wraps(command)
    def run(config: Path | None, url: str, token: str, ca: Path | None, **kwargs: Any) -> Any:
        with connect(config, url, token, ca) as service:
            return command(service=service, **kwargs)

    return with_options(run)


def with_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say where the API is."""
    for option in reversed(_options):
        command = option(command)
    return command


def print_json(value: Any) -> None:
    """Print JSON."""
    click.echo(json.dumps(value, indent=2))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], empty: str) -> None:
    """Print a table, or the sentence `empty`. Cells come from the wire: none is read as markup.

    Where a terminal is too narrow, a long last column goes below its row. Nothing is ever cut off: a MAC
    address or a path is there to be copied.
    """
    texts = [[_cell(value) for value in row] for row in rows]
    if not texts:
        click.echo(empty)
        return
    console = Console(highlight=False)
    widths = [max(map(len, column)) for column in zip(columns, *texts, strict=True)]
    too_wide = sum(widths) + 2 * (len(widths) - 1) > console.width and console.is_terminal
    beside = len(widths) - (too_wide and widths[-1] > _LONG)
    for number, row in enumerate(([*columns], *texts)):
        cells = (cell.ljust(width) for cell, width in zip(row[:beside], widths, strict=False))
        console.print(Text("  ".join(cells).rstrip(), style="" if number else "bold"), soft_wrap=True)
        if row[beside:] and row[-1]:
            console.print(Padding(Text(row[-1], style="" if number else "bold"), (0, 0, 0, 4)))


def clock(seconds: float | None) -> str:
    """A time of day in this host's zone; "" for none."""
    if seconds is None:
        return ""
    return f"{datetime.fromtimestamp(seconds).astimezone():%Y-%m-%d %H:%M:%S}"


def moment(seconds: float | None) -> str:
    """A time in this host's zone as short as it can be: without the date where it is of today."""
    if seconds is None:
        return ""
    at = datetime.fromtimestamp(seconds).astimezone()
    return f"{at:%H:%M:%S}" if at.date() == datetime.now().astimezone().date() else f"{at:%Y-%m-%d %H:%M}"


def fields(names: Sequence[str], value: dict[str, Any]) -> None:
    """Print the fields of one thing that say anything, one a line."""
    width = max(map(len, names))
    for name in names:
        if value.get(name) not in (None, "", [], {}, False):
            click.echo(f"{name:{width}}  {_cell(value[name])}")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return " ".join(value)
    text = json.dumps(value) if isinstance(value, dict | list) else str(value)
    return "".join(char if char.isprintable() else "?" for char in text)
