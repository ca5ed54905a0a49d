"""`bootlab shadow`: beside another DHCP server, what ours would answer; and take machines over one by one."""

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab.config import load_site
from lab.errors import UsageError
from lab.netboot import BootService
from pxe.plan import normalise_mac

_VERDICTS = {
    "same": ("same answer", "green"),
    "differs": ("differs", "yellow"),
    "silent": ("we would be silent", "red"),
    "unseen": ("no other answer seen", "cyan"),
}
_config = click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("lab.yaml"),
    show_default=True,
    help="The site file, which says where the boot service's API is.",
)


@click.group(invoke_without_command=True)
@_config
@click.option("--json", "as_json", is_flag=True, help="Print what the API says, nothing else.")
@click.pass_context
def shadow(ctx: click.Context, config: Path, *, as_json: bool) -> None:
    """Show, for each machine that was heard, how our answer differs from the other server's.

    For a service with `mode: shadow` in `dhcp` of its site file: docs/shadow.md.
    """
    if ctx.invoked_subcommand is not None:
        return
    with _service(config) as service:
        report = service.shadow()
    if as_json:
        click.echo(json.dumps(report, indent=2))
        return
    if not report["interfaces"]:
        raise UsageError(f"the boot service is no shadow: say `mode: shadow` in `dhcp` of {config}")
    show(report, Console(highlight=False))


@shadow.command()
@click.argument("mac")
@_config
def take(mac: str, config: Path) -> None:
    """Say from now on what the machine MAC boots; the other server keeps giving its address."""
    address = normalise_mac(mac)
    with _service(config) as service:
        warnings = service.shadow_take(address)
    click.echo(f"{address} is taken over: it boots from us at its next start")
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)


@shadow.command()
@click.argument("mac")
@_config
def release(mac: str, config: Path) -> None:
    """Leave the machine MAC to the other server again."""
    address = normalise_mac(mac)
    with _service(config) as service:
        service.shadow_take(address, take=False)
    click.echo(f"{address} is released: it boots from the other server at its next start")


def _service(config: Path) -> BootService:
    api = load_site(config).service.api
    return BootService(api.socket or f"http://{api.listen}:{api.port}")


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
