"""`bootlab image releases SYSTEM`: the versions that a system's publisher has."""

import json

import click

from lab.cli.image_store import json_option
from lab.registry import SYSTEM, load
from lab.systems.interface import OperatingSystem, Wanted


@click.command()
@click.argument("system", type=click.Choice(list(SYSTEM)))
@click.option(
    "--upstream", metavar="URL", default="", help="Another publisher's address than the public one."
)
@click.option("--channel", default="", help="A channel or stream, where the system has them.")
@click.option("--arch", default="", help="As in the catalogue: arm64, x86_64.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many at most.")
@json_option
def releases(system: str, upstream: str, channel: str, arch: str, limit: int, *, as_json: bool) -> None:
    """List the versions of SYSTEM that can be pulled, the newest first."""
    made = load(SYSTEM[system])()
    assert isinstance(made, OperatingSystem)
    found = list(made.releases(Wanted(upstream=upstream, channel=channel, arch=arch)))
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for version in found[:limit]:
        click.echo(version)
    if len(found) > limit:
        click.echo(f"and {len(found) - limit} more; --limit shows them", err=True)
