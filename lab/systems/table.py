"""Systems by what they can do, and by the boards that they boot on: one table for docs, page and terminal."""

from dataclasses import dataclass

from lab.config.boards import board_type_files, load_board_type
from lab.registry import SYSTEM, load
from lab.systems.interface import Ability, OperatingSystem, Support


@dataclass(frozen=True, slots=True)
class SystemRow:
    """One system: what it cannot do (ability -> why), and how sure it is on each board (type -> support)."""

    name: str
    title: str
    cannot: dict[str, str]
    boards: dict[str, Support]


@dataclass(frozen=True, slots=True)
class SystemTable:
    """All systems; `boards` are the types (name -> title), `abilities` all there are."""

    systems: tuple[SystemRow, ...]
    boards: dict[str, str]
    abilities: tuple[str, ...]


def system_table() -> SystemTable:
    """Return the table, from what each system's room says."""
    boards = {name: load_board_type(name).title for name in sorted(board_type_files())}
    return SystemTable(
        systems=tuple(_row(name, boards) for name in SYSTEM),
        boards=boards,
        abilities=tuple(str(ability) for ability in Ability),
    )


def _row(name: str, boards: dict[str, str]) -> SystemRow:
    system: OperatingSystem = load(SYSTEM[name])()
    cannot = {str(ability): reason for ability, reason in system.cannot.items()}
    return SystemRow(system.name, system.title, cannot, {board: system.support(board) for board in boards})


def markdown(table: SystemTable) -> str:
    """The table as docs/systems.md has it."""
    titles = " | ".join(row.title for row in table.systems)
    lines = [f"| | {titles} |", "|---" * (len(table.systems) + 1) + "|"]
    for ability in table.abilities:
        cells = (f"no: {row.cannot[ability]}" if ability in row.cannot else "yes" for row in table.systems)
        lines.append(f"| {ability.replace('-', ' ')} | {' | '.join(cells)} |")
    lines += ["", f"| board | {titles} |", "|---" * (len(table.systems) + 1) + "|"]
    for board, title in table.boards.items():
        cells = (_cell(row.boards[board]) for row in table.systems)
        lines.append(f"| {title} (`{board}`) | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(support: Support) -> str:
    source = f" [{support.source}]" if support.source else ""
    return f"**{support.level}**: {support.reason}{source}"
