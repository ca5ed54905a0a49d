"""`bootlab log MAC`: what a machine said over syslog and netconsole."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import click

from lab.cli.api import json_option, with_api
from lab.errors import UsageError
from lab.netboot import BootService
from pxe.plan import normalise_mac

_SEVERITIES = ("emerg", "alert", "crit", "error", "warn", "notice", "info", "debug")
_WAIT_SECONDS = 25.0


@click.command()
@click.argument("mac")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option(
    "-n", "--lines", default=200, show_default=True, type=click.IntRange(1, 2000), help="How many at most."
)
@json_option
@with_api
def log(service: BootService, mac: str, lines: int, *, follow: bool, as_json: bool) -> None:
    """Print the newest log lines of the machine MAC, the oldest first.

    The service receives them where the site file has `logs`: docs/console-logs.md.

    \b
    Examples:
      bootlab log 52:54:00:12:34:56 --follow
    """
    address = normalise_mac(mac)
    page = service.machine_log(address, limit=lines)
    if not page["received"]:
        raise UsageError(
            "the boot service receives no log lines: add `logs: {}` to `service` in its site file"
        )
    show(page["lines"], as_json=as_json)
    while follow:
        page = service.machine_log(address, since=page["next"], limit=2000, wait=_WAIT_SECONDS)
        show(page["lines"], as_json=as_json)


def show(lines: Iterable[dict[str, Any]], *, as_json: bool) -> None:
    """Print lines; the time is this host's."""
    for line in lines:
        click.echo(json.dumps(line) if as_json else _text(line))


def _text(line: dict[str, Any]) -> str:
    at = datetime.fromtimestamp(line["at"]).astimezone()
    severity = line["severity"]
    level = _SEVERITIES[severity] if isinstance(severity, int) and 0 <= severity < len(_SEVERITIES) else "-"
    app = f"{line['app']}: " if line["app"] else ""
    return f"{at:%H:%M:%S}.{at.microsecond // 1000:03d} {line['source']:10} {level:6} {app}{line['text']}"
