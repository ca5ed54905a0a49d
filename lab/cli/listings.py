"""What the boot service has seen: leases, unknown machines, events, deliveries, and who changed what."""

import json
from collections.abc import Iterable
from typing import Any

import click

from lab.cli.api import clock, json_option, moment, print_json, print_table, with_api
from lab.netboot import BootService


@click.group()
def lease() -> None:
    """Addresses that DHCP gave."""


@lease.command("list")
@json_option
@with_api
def list_leases(service: BootService, *, as_json: bool) -> None:
    """List all leases, also those that have run out."""
    found = service.leases()
    if as_json:
        print_json(found)
        return
    rows = ([row["ip"], row["mac"], row["state"], clock(row["expires"])] for row in found)
    print_table(("address", "MAC", "state", "until"), rows, "no leases")


@click.command()
@json_option
@with_api
def unknown(service: BootService, *, as_json: bool) -> None:
    """List machines that asked DHCP and that nobody told us of."""
    found, _ = service.ask("GET", "/unknown")
    if as_json:
        print_json(found)
        return
    rows = (
        [s["mac"], s["arch"], s["firmware"], s["vendor_class"], s["serial"], s["count"], moment(s["last"])]
        for s in found["unknown"]
    )
    columns = ("MAC", "arch", "firmware", "vendor class", "serial", "messages", "last heard")
    print_table(columns, rows, f"none (unknown machines: {found['policy']})")


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option("--since", type=click.IntRange(0), help="The number after which to begin.")
@json_option
@with_api
def events(service: BootService, since: int | None, *, follow: bool, as_json: bool) -> None:
    """Show what happened on the wire; --json prints one object a line."""
    if follow:
        newest = service.newest_event() if since is None else since
        print_events(service.stream(newest), as_json=as_json)
        return
    page, _ = service.ask("GET", "/events", query={"since": str(since or 0)})
    while page["events"]:
        print_events(page["events"], as_json=as_json)
        page, _ = service.ask("GET", "/events", query={"since": str(page["next"])})


@click.command()
@click.option("--mac", help="Of this machine only.")
@click.option("-n", "--limit", default=100, show_default=True, type=click.IntRange(1, 1000))
@json_option
@with_api
def deliveries(service: BootService, mac: str | None, limit: int, *, as_json: bool) -> None:
    """List which configs went to which machine, the newest first."""
    query = {"limit": str(limit), **({"mac": mac} if mac else {})}
    found, _ = service.ask("GET", "/deliveries", query=query)
    if as_json:
        print_json(found["deliveries"])
        return
    rows = (
        [clock(d["at"]), d["mac"], d["plan"], d["name"], d["size"], d["outcome"], d["sha256"][:16]]
        for d in found["deliveries"]
    )
    print_table(("when", "MAC", "plan", "config", "bytes", "outcome", "SHA-256"), rows, "no deliveries")


@click.command()
@click.option("--of", "path", default="", help="Only of what ends so, such as /plans/debian.")
@click.option("-n", "--limit", default=100, show_default=True, type=click.IntRange(1, 1000))
@json_option
@with_api
def audit(service: BootService, path: str, limit: int, *, as_json: bool) -> None:
    """List who changed what, from where, and what was refused; the newest first."""
    query = {"limit": str(limit), **({"of": path} if path else {})}
    found, _ = service.ask("GET", "/audit", query=query)
    if as_json:
        print_json(found["audit"])
        return
    rows = (
        [moment(a["at"]), a["who"], a["source"], a["action"].replace("/api/v1", ""), *_outcome(a)]
        for a in found["audit"]
    )
    print_table(("when", "who", "from", "action", "outcome", "changes"), rows, "no changes")


def _outcome(entry: dict[str, Any]) -> tuple[str, str]:
    """The outcome, and why, or what changed; of what is new, only what it says."""
    word, _, why = entry["outcome"].partition(": ")
    return word, why or _changes(entry)


def _changes(entry: dict[str, Any]) -> str:
    if entry["action"].startswith("DELETE "):  # all of it is gone; --json has what it was
        return ""
    return "; ".join(
        f"{name}: {json.dumps(new)}" if old is None else f"{name}: {json.dumps(old)} -> {json.dumps(new)}"
        for name, (old, new) in entry["changes"].items()
        if old or new
    )


def print_events(found: Iterable[dict[str, Any]], *, as_json: bool) -> None:
    """Print events, one a line."""
    hidden = ("seq", "kind", "mac", "t_ns")
    for event in found:
        if as_json:
            click.echo(json.dumps(event))
            continue
        words = " ".join(
            f"{key}={value}"
            for key, value in event.items()
            if key not in hidden and value not in (None, "", {})
        )
        safe = "".join(char if char.isprintable() else "?" for char in words)
        click.echo(
            f"{event['seq']} {event['t_ns'] / 1e9:.3f} {event['kind']:17} {event['mac'] or '-':17} {safe}"
        )
