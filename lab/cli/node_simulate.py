"""`bootlab node emulate --talos`: simulated nodes with the manners of a version of Talos, until Ctrl-C."""

import asyncio
import contextlib
import re
import signal
import tempfile
from pathlib import Path

import click

from lab.clients.talos.generate import VERSIONS
from lab.errors import UsageError
from lab.machineconfig import views, words
from lab.refos.guest.settings import NodeSettings

_VERSION = re.compile(r"v?(1\.\d+)(\.\d+(-[0-9A-Za-z.]+)?)?")
_KERNEL_LOG = "talos.logging.kernel"
_FIRST = "127.0.0.1"


def version_of(text: str) -> str:
    """`1.13` is v1.13.0. Raises UsageError for a version whose manners are not known."""
    found = _VERSION.fullmatch(text)
    if found is None or found[1] not in VERSIONS:
        raise UsageError(f"--talos {text}: simulated are {', '.join(VERSIONS)}, and whole versions of these")
    return f"v{text.removeprefix('v')}" + ("" if found[2] else ".0")


def settings_of(events_sink: str, kernel_log: str) -> NodeSettings:
    """Who hears of the nodes from the start on. Raises UsageError."""
    for option, text, judge in (
        ("--events-sink", events_sink, words.endpoint),
        ("--kernel-log", kernel_log, words.log_url),
    ):
        wrong = judge(text) if text else ""
        if wrong:
            raise UsageError(f"{option} {text}: {wrong}")
    return NodeSettings(
        event_sink=views.endpoint(events_sink) if events_sink else None,
        kernel_logs=(views.kernel_log(_KERNEL_LOG, kernel_log),) if kernel_log else (),
    )


def simulate(version: str, count: int, port: int, settings: NodeSettings) -> None:
    """Run so many nodes at 127.0.0.1, 127.0.0.2, ...; each begins in maintenance."""
    from lab.testing.nodes.fleet import FleetSettings  # not at each start of the command line

    with tempfile.TemporaryDirectory() as folder:
        fleet = FleetSettings(
            folder=Path(folder),
            count=count,
            first=_FIRST,
            port=port,
            version=version_of(version),
            maintenance=True,
            node=settings,
            console=lambda name, line: click.echo(f"{name}: {line}"),
        )
        for number in range(count):
            where = fleet.address(number) + (f":{port}" if port != 50000 else "")
            click.echo(f"{fleet.name(number)} its API: --node {where}")
        click.echo("upgrades to any image whose name ends with :VERSION; Ctrl-C ends it\n")
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_run(fleet))


async def _run(fleet: object) -> None:
    from lab.testing.nodes.fleet import FleetSettings, running

    assert isinstance(fleet, FleetSettings)
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    async with running(fleet):
        await over.wait()
