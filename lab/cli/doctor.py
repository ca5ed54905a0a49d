"""`bootlab doctor`: what is wrong with this host, this network or a place, and what to do."""

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import click
from rich.console import Console

from lab.cli.sheet import Sheet
from lab.config import Site, load_site
from lab.doctor import CHECKS, Finding, Patient, examine
from lab.doctor.finding import fault, unknown
from lab.doctor.rounds import exit_code
from lab.errors import ConfigError, UsageError
from lab.model import Place

_DEFAULT = Path("lab.yaml")


@click.command()
@click.argument("place", required=False)
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The site file; lab.yaml where there is one, else only this host is looked at.",
)
@click.option("--interface", "interfaces", multiple=True, help="Of the site file's interfaces only this one.")
@click.option(
    "--check",
    "names",
    multiple=True,
    type=click.Choice(list(CHECKS)),
    help="Only this check; may be repeated.",
)
@click.option(
    "--netns",
    type=click.Path(path_type=Path),
    help="Try TFTP and HTTP from this network namespace at the other end of the wire (/run/netns/NAME).",
)
@click.option(
    "--wait",
    default=4.0,
    show_default=True,
    type=click.FloatRange(0.5, 60),
    help="Seconds that other DHCP servers have to answer.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as one JSON object, nothing else.")
def doctor(
    place: str | None,
    config: Path | None,
    interfaces: tuple[str, ...],
    names: tuple[str, ...],
    netns: Path | None,
    wait: float,
    *,
    as_json: bool,
) -> int:
    """Examine this host, the network of the site file and, where one is named, PLACE.

    Nothing is changed. One DHCP DISCOVER, sent twice, goes out on the interfaces of the site file. What could
    not be looked at is said, with the reason. Exit code 0: nothing must be mended (warnings at most), 4: the
    lab's equipment is at fault, 2: the site file is.

    \b
    Examples:
      bootlab doctor -c lab.yaml
      bootlab doctor -c lab.yaml --check tftp --check http
    """
    logging.basicConfig(level=logging.ERROR)  # what others warn of by themselves is among the findings
    path = config or _DEFAULT
    site, first = _read(path, needed=config is not None or place is not None)
    patient = Patient(
        site=site,
        config=path,
        interfaces=_known(interfaces, site, path),
        places=_places(place, site, path),
        netns=netns,
        wait_seconds=wait,
    )
    findings: list[Finding] = []
    sheet = None if as_json else Sheet(Console(highlight=False), patient)
    for finding in _round(first, patient, [name for name in CHECKS if name in names or not names]):
        findings.append(finding)
        if sheet is not None:
            sheet.show(finding)
    status = exit_code(findings)
    if sheet is not None:
        sheet.end(status)
    else:
        click.echo(json.dumps({"exit_code": status, "findings": [asdict(f) for f in findings]}, indent=2))
    return status


def _round(first: list[Finding], patient: Patient, names: list[str]) -> Iterator[Finding]:
    yield from (replace(finding, check="site file") for finding in first)
    yield from examine(patient, names)


def _read(path: Path, *, needed: bool) -> tuple[Site | None, list[Finding]]:
    """The site, and what is wrong with its file; all other checks can do without it."""
    if not path.exists() and not needed:
        return None, [
            unknown(f"there is no {path} here: only the host is looked at", "bootlab doctor -c your-lab.yaml")
        ]
    try:
        return load_site(path), []
    except ConfigError as error:
        return None, [fault(one, f"mend it in {path}", in_file=True) for one in error.faults]


def _known(interfaces: tuple[str, ...], site: Site | None, path: Path) -> tuple[str, ...]:
    """Raises UsageError: nothing goes out on an interface that the site file does not name."""
    there = {link.interface for link in site.service.dhcp} if site is not None else set()
    for name in interfaces:
        if site is not None and name not in there:
            raise UsageError(
                f"{path} has no DHCP on {name}; it has it on {', '.join(sorted(there)) or 'no interface'}"
            )
    return interfaces


def _places(name: str | None, site: Site | None, path: Path) -> tuple[Place, ...]:
    if name is None or site is None:
        return ()
    place = site.place(name)
    if place is None:
        there = ", ".join(place.name for place in site.places) or "none"
        raise UsageError(f"{path} has no place {name!r}; it has {there}")
    return (place,)
