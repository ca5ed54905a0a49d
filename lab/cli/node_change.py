"""`bootlab node install, upgrade, rollback, reboot, shutdown, reset`: what changes a node."""

from collections.abc import Callable
from typing import Any

import click

from lab.cli.api import print_json
from lab.cli.node_options import json_option, show_progress, wait_until_ready, with_node
from lab.clients.talos.sync import Node
from lab.errors import UsageError

_wait = click.option(
    "--wait",
    "seconds",
    type=click.FloatRange(1, 86400),
    metavar="SECONDS",
    help="Wait until the node is ready again; fail where it takes longer.",
)


def _after(node: Node, seconds: float | None, act: Callable[[], Any], said: str, *, as_json: bool) -> None:
    """Do it, wait where that is asked for, and say what became of it."""
    before = node.boot_mark() if seconds is not None else ""
    act()
    result: dict[str, object] = {"node": node.name, "accepted": True}
    if seconds is not None:
        result |= {"ready": True, "version": wait_until_ready(node, seconds, before)}
        said = f"is ready with {result['version']}"
    if as_json:
        print_json(result)
    else:
        click.echo(f"{node.name} {said}")


@click.command()
@click.argument("image")
@click.argument("disk")
@json_option
@with_node
def install(node: Node, image: str, disk: str, *, as_json: bool) -> None:
    """Install IMAGE on DISK (such as /dev/vda) of a node that runs from the network."""
    _after(node, None, lambda: show_progress(node.install(image, disk)), "is installed", as_json=as_json)


@click.command()
@click.argument("image")
@click.option("--stage", is_flag=True, help="Written at the next boot (Talos's older call only).")
@click.option("--force", is_flag=True, help="Without the node's checks (Talos's older call only).")
@click.option("--no-reboot", is_flag=True, help="Only write the other slot.")
@_wait
@json_option
@with_node
def upgrade(
    node: Node, image: str, seconds: float | None, *, stage: bool, force: bool, no_reboot: bool, as_json: bool
) -> None:
    """Upgrade the node to IMAGE: a URL of a bundle (refos), or an installer image (Talos)."""
    if no_reboot and (seconds is not None or stage or force):
        raise UsageError("--no-reboot does not go with --wait, --stage or --force")

    def act() -> None:
        show_progress(node.upgrade(image, reboot=not no_reboot, stage=stage, force=force))

    said = (
        "wrote its other slot; it takes it at its next boot" if no_reboot else "reboots into the new version"
    )
    _after(node, seconds, act, said, as_json=as_json)


@click.command()
@_wait
@json_option
@with_node
def rollback(node: Node, seconds: float | None, *, as_json: bool) -> None:
    """Boot the version that ran before the last upgrade."""
    _after(node, seconds, node.rollback, "reboots into its other slot", as_json=as_json)


@click.command()
@click.option("--power-cycle", is_flag=True, help="Through the firmware (Talos: no kexec).")
@click.option("--force", is_flag=True, help="Without ending services.")
@_wait
@json_option
@with_node
def reboot(node: Node, seconds: float | None, *, power_cycle: bool, force: bool, as_json: bool) -> None:
    """Reboot the node."""
    if power_cycle and force:
        raise UsageError("one of --power-cycle and --force")
    _after(
        node, seconds, lambda: node.reboot(power_cycle=power_cycle, force=force), "reboots", as_json=as_json
    )


@click.command()
@click.option("--force", is_flag=True, help="Without ending services.")
@json_option
@with_node
def shutdown(node: Node, *, force: bool, as_json: bool) -> None:
    """Switch the node off."""
    _after(node, None, lambda: node.shutdown(force=force), "switches itself off", as_json=as_json)


@click.command()
@click.option(
    "--label", "labels", multiple=True, help="Only this partition, such as STATE; as often as wanted."
)
@click.option("--reboot", "then_reboot", is_flag=True, help="Reboot afterwards; else it switches itself off.")
@click.option(
    "--graceful/--no-graceful", default=True, show_default=True, help="Leave its cluster first (Talos)."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@with_node
def reset(
    node: Node, labels: tuple[str, ...], *, then_reboot: bool, graceful: bool, yes: bool, as_json: bool
) -> None:
    """Wipe the node: its system disk, configuration included, or partitions of it."""
    what = ", ".join(labels) or "all of the system disk"
    if not yes:
        click.confirm(f"wipe {what} of {node.name}?", abort=True, err=True)

    def act() -> None:
        node.reset(graceful=graceful, reboot=then_reboot, labels=labels)

    _after(node, None, act, f"wipes {what}", as_json=as_json)
