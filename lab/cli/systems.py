"""`bootlab systems`: operating systems, what they can do, and on which boards they boot. docs/systems.md."""

import json

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab.config.boards import load_board_type
from lab.errors import UsageError
from lab.store.codec import to_json
from lab.systems.interface import Level
from lab.systems.table import SystemTable, markdown, system_table

_STYLES = {
    Level.RUN_HERE: "bold green",
    Level.EXPECTED: "green",
    Level.UNOFFICIAL: "yellow",
    Level.NOT_EXPECTED: "red",
}


@click.command()
@click.option("--board", metavar="TYPE", help="This type of board alone, with reasons and sources.")
@click.option("--system", metavar="NAME", help="This system alone, with reasons and sources.")
@click.option("--markdown", "as_markdown", is_flag=True, help="As docs/systems.md has it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def systems(board: str | None, system: str | None, *, as_markdown: bool, as_json: bool) -> None:
    """Show the operating systems: what they cannot do and why, and the boards that they boot on."""
    if board is not None:
        load_board_type(board)
    table = _chosen(system_table(), board, system)
    if as_json or as_markdown:
        click.echo(json.dumps(to_json(table), indent=2) if as_json else markdown(table), nl=as_json)
        return
    out = Console(highlight=False)
    for row in table.systems:
        out.print(Text.assemble((f"{row.title} ({row.name})", "bold")))
        for ability, reason in row.cannot.items():
            out.print(Text(f"  cannot {ability.replace('-', ' ')}: {reason}"))
    out.print(_boards(table, reasons=board is not None or system is not None))


def _chosen(table: SystemTable, board: str | None, system: str | None) -> SystemTable:
    rows = [row for row in table.systems if system in (None, row.name)]
    if not rows:
        known = ", ".join(row.name for row in table.systems)
        raise UsageError(f"there is no system {system!r}; there are {known}")
    boards = {name: title for name, title in table.boards.items() if board in (None, name)}
    return SystemTable(tuple(rows), boards, table.abilities)


def _boards(table: SystemTable, *, reasons: bool) -> Table:
    shown = Table(show_lines=reasons)
    shown.add_column("board", no_wrap=True)
    for row in table.systems:
        shown.add_column(row.title, overflow="fold")
    for name in table.boards:
        cells = []
        for row in table.systems:
            found = row.boards[name]
            source = f"\n[{found.source}]" if found.source else ""
            more = f"\n{found.reason}{source}" if reasons else ""
            cells.append(Text.assemble((str(found.level), _STYLES[found.level]), more))
        shown.add_row(name, *cells)
    return shown
