"""`bootlab claims`: what vendors claim of their systems, and what came of it. docs/claims.md."""

import json
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab.claims.catalogue import CLAIMS, claim
from lab.claims.measure import surface, talk
from lab.claims.model import Finding, Sheet, Verdict
from lab.claims.notebook import Notebook
from lab.claims.page import write_page
from lab.claims.portscan import ports_of, scan_now
from lab.claims.probe import Probe
from lab.claims.probes.api import ApiProbe
from lab.claims.sheet import find_sheet, list_sheets, load_sheet
from lab.cli.node_options import json_option, with_node
from lab.cli.results_options import results_option
from lab.clients.talos.sync import Node
from lab.errors import UsageError
from lab.store.codec import to_json

_STYLES = {Verdict.HOLDS: "green", Verdict.PARTLY: "yellow", Verdict.FAILS: "red"}
_PORTS = "1-1024,2222,2379-2380,6443,8080,10250,50000-50001"


@click.group()
def claims() -> None:
    """What vendors claim of their operating systems, as measurements; docs/claims.md.

    `bootlab test claims` makes sheets on what runs here; `claims measure` makes one of a running node.
    """


@claims.command("list")
@json_option
@results_option("The folder with all runs; sheets are in claims/ below it.")
def list_(results: Path, *, as_json: bool) -> None:
    """List the claims, and the sheets that there are."""
    sheets = [load_sheet(path) for path in list_sheets(results)]
    if as_json:
        found = {"claims": [to_json(each) for each in CLAIMS], "sheets": [sheet.name for sheet in sheets]}
        click.echo(json.dumps(found, indent=2))
        return
    out = Console(highlight=False)
    for each in CLAIMS:
        out.print(Text.assemble((each.id, "bold"), f"  {each.title}: {each.claim}"))
    for sheet in sheets:
        out.print(
            f"sheet {sheet.name}: {sheet.title} {sheet.version}, {len(sheet.findings)} claims", markup=False
        )


@claims.command()
@click.argument("names", metavar="[SHEET]...", nargs=-1)
@click.option("--claim", "only", metavar="C01", help="This claim alone, with its numbers and what shows it.")
@click.option(
    "--html",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write one page with all of them, a table and a picture.",
)
@json_option
@results_option("The folder with all runs; sheets are in claims/ below it.")
def show(
    names: tuple[str, ...], only: str | None, html: Path | None, results: Path, *, as_json: bool
) -> None:
    """Show sheets side by side: by path, name, or system (its newest). Without a name: the newest of each."""
    if only is not None:
        claim(only)
    paths = [find_sheet(results, name) for name in names] or _newest(results)
    sheets = [load_sheet(path) for path in paths]
    if html is not None:
        click.echo(write_page(html, sheets))
        return
    if as_json:
        click.echo(json.dumps([to_json(sheet) for sheet in sheets], indent=2))
        return
    out = Console(highlight=False)
    for sheet in sheets:
        out.print(Text(f"{sheet.title} {sheet.version}: {sheet.against} ({sheet.began})"))
    out.print(_one(sheets, only.upper()) if only else _table(sheets))


def _newest(results: Path) -> list[Path]:
    newest: dict[str, Path] = {}
    for path in list_sheets(results):
        newest[load_sheet(path).system] = path
    if not newest:
        raise UsageError(f"there is no sheet below {results}; `bootlab test claims` makes them")
    return list(newest.values())


def _table(sheets: list[Sheet]) -> Table:
    table = Table(show_lines=True)
    table.add_column("claim")
    for sheet in sheets:
        table.add_column(Text(sheet.title), overflow="fold")
    for each in CLAIMS:
        cells = []
        for sheet in sheets:
            found = sheet.finding(each.id)
            verdict = found.verdict if found is not None else Verdict.OPEN
            said = f"\n{_printable(found.sentence)}" if found is not None else ""
            cells.append(Text.assemble((str(verdict), _STYLES.get(verdict, "dim")), said))
        table.add_row(Text(f"{each.id} {each.title}"), *cells)
    return table


def _one(sheets: list[Sheet], number: str) -> Table:
    table = Table("", show_lines=True)
    for sheet in sheets:
        table.add_column(Text(sheet.title), overflow="fold")
    found = [sheet.finding(number) for sheet in sheets]
    table.add_row("verdict", *(str(each.verdict if each else Verdict.OPEN) for each in found))
    table.add_row("found", *(Text(_printable(each.sentence) if each else "") for each in found))
    values = (
        "\n".join(f"{v.name}: {v.number:g} {v.unit}" for v in each.values) if each else "" for each in found
    )
    table.add_row("numbers", *(Text(_printable(text)) for text in values))
    table.add_row("how", *(Text(each.method if each else "") for each in found))
    shown = ("\n".join(_printable(line) for line in each.evidence) if each else "" for each in found)
    table.add_row("what shows it", *map(Text, shown))
    return table


@claims.command()
@click.argument("system", metavar="SYSTEM")
@click.option(
    "--against", required=True, metavar="WORDS", help="What it runs on, for whoever reads the sheet."
)
@click.option("--emulated", is_flag=True, help="It runs on an emulator: its times are not those of hardware.")
@click.option(
    "--quiet", default=60.0, show_default=True, help="For how many seconds its own packets are heard."
)
@click.option("--ports", default=_PORTS, show_default=True, help="TCP ports that are tried.")
@results_option("Where the sheet goes, below claims/.")
@with_node
def measure(
    node: Node, system: str, against: str, results: Path, quiet: float, ports: str, *, emulated: bool
) -> None:
    """Measure on a running NODE what can be measured without changing it: C01 to C03, C07, C15, C17, C18.

    By the Talos API, with an administrator's certificate. SYSTEM is a word for the sheet: talos, refos.
    """
    try:
        wanted = ports_of(ports)
    except ValueError:
        raise UsageError(f"--ports {ports}: write numbers from 1 to 65535 like 1-1024,50000") from None
    probe: Probe = ApiProbe(node, system)
    book = Notebook(system, system, against, emulated=emulated)
    book.version = probe.facts().version
    host = node.name.rpartition(":")[0].strip("[]") if node.name.count(":") in (1, 8) else node.name
    measures: tuple[Callable[[], Finding], ...] = (
        lambda: surface.programs(probe),
        lambda: surface.read_only(probe),
        lambda: surface.etc(probe),
        lambda: surface.running(probe),
        lambda: surface.packages(probe),
        lambda: talk.polling(probe, quiet),
        lambda: talk.no_ssh(probe, lambda: scan_now(host, wanted), ports),
    )
    out = Console(stderr=True, highlight=False)
    with out.status("measuring") as status:
        for each in measures:
            found = book.add(each())
            out.print(f"{found.claim} {found.verdict}: {_printable(found.sentence)}", markup=False)
            status.update("measuring")
    folder = book.write(results)
    write_page(folder / "claims.html", [load_sheet(folder)])
    click.echo(folder / "claims.html")


def _printable(text: str) -> str:
    return "".join(
        char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text
    )
