"""`bootlab boots`: how far each machine's boot is, and why it does not go on; one boot with its events."""

from typing import Any

import click

from lab.cli.api import json_option, moment, print_json, print_table, with_api
from lab.cli.listings import print_events
from lab.netboot import BootService

_STATES = ("booting", "done", "waiting", "stalled", "failed", "unknown")


@click.command()
@click.argument("boot", required=False)
@click.option("--mac", help="Of this machine only.")
@click.option("--state", type=click.Choice(_STATES), help="Only boots that are so.")
@json_option
@with_api
def boots(
    service: BootService, boot: str | None, mac: str | None, state: str | None, *, as_json: bool
) -> None:
    """List boots, or show BOOT with its events.

    The one that changed last comes last.

    \b
    Examples:
      bootlab boots --state failed
      bootlab boots --mac 52:54:00:12:34:56 --json
    """
    if boot is not None:
        found, _ = service.ask("GET", f"/boots/{boot}")
        print_json(found) if as_json else _show(found)
        return
    query = {key: value for key, value in (("mac", mac), ("state", state)) if value}
    found, _ = service.ask("GET", "/boots", query=query)
    if as_json:
        print_json(found["boots"])
        return
    rows = (
        [b["id"], moment(b["began"]), b["mac"], b["name"], b["plan"] or "-", b["state"], _now(b)]
        for b in found["boots"]
    )
    print_table(
        ("boot", "began", "MAC", "name", "plan", "state", "now, or why not"),
        rows,
        "no boot is so" if query else "no boots yet",
    )


def _now(boot: dict[str, Any]) -> str:
    """The sentence, or what is being sent, or the last step."""
    if boot["sentence"]:
        return str(boot["sentence"])
    open_ones = [moved for moved in boot["transfers"] if not moved["outcome"]]
    if open_ones:
        moved = max(open_ones, key=lambda moved: int(moved["size"]))
        return f"{moved['name']}: {moved['sent']} of {moved['size']} bytes"
    return str(boot["stages"][-1]["stage"]) if boot["stages"] else ""


def _show(found: dict[str, Any]) -> None:
    boot = found["boot"]
    steps = ([s["stage"], s["by"], s["count"], s["from_ms"], s["to_ms"]] for s in boot["stages"])
    print_table(("step", "by", "count", "from ms", "to ms"), steps, "no steps yet")
    for finding in boot["findings"]:
        safe = f"{finding['sentence']} {finding['cure']} ({finding['rule']})"
        click.echo("".join(char if char.isprintable() else "?" for char in safe))
    print_events(found["events"], as_json=False)
