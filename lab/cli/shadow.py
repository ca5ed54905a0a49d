"""`bootlab shadow`: beside another DHCP server, what ours would answer; and take machines over one by one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
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

    \b
    Examples:
      bootlab shadow
      bootlab shadow take 52:54:00:12:34:56
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
    """Print what was heard, by machine. It came off the wire: it is drawn as text, never as markup."""
    out.print(Text(f"shadow on {', '.join(report['interfaces'])}"))
    if not report["machines"]:
        out.print("no machine has been heard yet")
    for machine in report["machines"]:
        name = machine["name"] or ("" if machine["known"] else "(unknown)")
        words = [machine["mac"], name, "taken over" if machine["taken"] else ""]
        out.print(Text("\n" + "  ".join(filter(None, words)), style="bold"))
        _show_exchanges(machine["exchanges"], out)
    for note in report["notes"]:
        out.print(Text(f"\nnote: {note}", style="cyan"))


def _show_exchanges(exchanges: list[dict[str, Any]], out: Console) -> None:
    grouped: dict[Any, list[str]] = {}  # OFFER and ACK mostly differ in the same fields
    for exchange in exchanges:
        key = (exchange["firmware"], exchange["verdict"], tuple(_differences(exchange)), *_others(exchange))
        grouped.setdefault(key, []).append(exchange["message"])
    for (firmware, verdict, rows, why, others), messages in grouped.items():
        words, style = _VERDICTS.get(verdict, (verdict, ""))
        asks = f"  {firmware}, {', '.join(messages)}: "
        out.print(Text(asks) + Text(words, style=style) + Text(why), soft_wrap=True)
        table = [("", "we would say", "the other server says"), *rows] if rows else []
        first, second = (max((len(row[column]) for row in table), default=0) for column in (0, 1))
        for field, ours, theirs in table:
            out.print(Text(f"    {field:{first}}  {ours:{second}}  {theirs}"), soft_wrap=True)
        for other in others:
            out.print(Text(f"    {other}"), soft_wrap=True)


def _differences(exchange: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for theirs in exchange["theirs"]:
        for differs in theirs["differences"]:
            yield differs["field"], differs["ours"] or "-", differs["theirs"] or "-"


def _others(exchange: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Why we would be silent, and what else is known of the other servers' answers."""
    lines = []
    for theirs in exchange["theirs"]:
        answer = theirs["answer"]
        if exchange["ours"] is None:
            lines.append(f"{answer['server']} gives {answer['address']}")
        elif not theirs["seen"]:
            lines.append(f"all else of {answer['server']} was sent by unicast, and not seen")
    return f": {exchange['reason']}" if exchange["ours"] is None else "", tuple(lines)
