"""`bootlab shadow`: beside another DHCP server, what ours would answer; and take machines over one by one."""

from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab.cli.api import connect, json_option, print_json, with_api, with_options
from lab.errors import UsageError
from lab.netboot import BootService
from pxe.plan import normalise_mac

_VERDICTS = {
    "same": ("same answer", "green"),
    "differs": ("differs", "yellow"),
    "silent": ("we would be silent", "red"),
    "unseen": ("no other answer seen", "cyan"),
}


@click.group(invoke_without_command=True)
@with_options
@json_option
@click.pass_context
def shadow(
    ctx: click.Context, config: Path | None, url: str, token: str, ca: Path | None, *, as_json: bool
) -> None:
    """Show, for each machine that was heard, how our answer differs from the other server's.

    For a service with `mode: shadow` in `dhcp` of its site file: docs/shadow.md.
    """
    if ctx.invoked_subcommand is not None:
        return
    with connect(config, url, token, ca) as service:
        report = service.shadow()
    if as_json:
        print_json(report)
        return
    if not report["interfaces"]:
        raise UsageError("the boot service is no shadow: say `mode: shadow` in `dhcp` of its site file")
    show(report, Console(highlight=False))


@shadow.command()
@click.argument("mac")
@with_api
def take(service: BootService, mac: str) -> None:
    """Say from now on what the machine MAC boots; the other server keeps giving its address."""
    address = normalise_mac(mac)
    warnings = service.shadow_take(address)
    click.echo(f"{address} is taken over: it boots from us at its next start")
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)


@shadow.command()
@click.argument("mac")
@with_api
def release(service: BootService, mac: str) -> None:
    """Leave the machine MAC to the other server again."""
    address = normalise_mac(mac)
    service.shadow_take(address, take=False)
    click.echo(f"{address} is released: it boots from the other server at its next start")


def show(report: dict[str, Any], out: Console) -> None:
    """Print a table. All of it came off the wire: it is drawn as text, never as markup."""
    table = Table(title=f"shadow on {', '.join(report['interfaces'])}", title_justify="left")
    table.add_column("machine", no_wrap=True)
    for name in ("asks", "field", "we would say", "the other server says"):
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for machine in report["machines"]:
        _add(table, machine)
    out.print(table if report["machines"] else "no machine has been heard yet")
    for note in report["notes"]:
        out.print(Text(f"note: {note}", style="cyan"))


def _add(table: Table, machine: dict[str, Any]) -> None:
    name = machine["name"] or ("" if machine["known"] else "(unknown)")
    who = Text(f"{machine['mac']}\n{name}" + ("\ntaken over" if machine["taken"] else ""))
    grouped: dict[Any, list[str]] = {}  # OFFER and ACK mostly differ in the same fields
    for exchange in machine["exchanges"]:
        key = (exchange["firmware"], exchange["verdict"], tuple(_differences(exchange)))
        grouped.setdefault(key, []).append(exchange["message"])
    if not grouped:
        table.add_row(who, *[""] * 4, end_section=True)
    for number, ((firmware, verdict, rows), messages) in enumerate(grouped.items()):
        words, style = _VERDICTS.get(verdict, (verdict, ""))
        asks = Text(f"{firmware}\n{', '.join(messages)}\n") + Text(words, style=style)
        columns = zip(*rows, strict=True) if rows else [("",)] * 3
        texts = [Text("\n".join(column)) for column in columns]
        table.add_row(who if number == 0 else Text(), asks, *texts, end_section=number == len(grouped) - 1)


def _differences(exchange: dict[str, Any]) -> list[tuple[str, str, str]]:
    rows = []
    for theirs in exchange["theirs"]:
        server = theirs["answer"]["server"]
        rows += [(d["field"], d["ours"] or "-", d["theirs"] or "-") for d in theirs["differences"]]
        if exchange["ours"] is None:
            rows.append(("", exchange["reason"], f"{server}: {theirs['answer']['address']}"))
        elif not theirs["seen"]:
            rows.append(("all else", "", f"sent by {server} by unicast, not seen"))
    return rows
