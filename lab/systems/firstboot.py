"""What Flatcar and Fedora CoreOS have in common: Ignition's config of a plan, and the machine it is for."""

from pathlib import Path
from typing import Any

from lab.config.boards import board_type_files, load_board_type
from lab.config.butane import ignition_of
from lab.errors import UsageError
from lab.systems.interface import Wanted
from pxe.plan import Config, ConfigKind

CONFIG = "node.ign"
_BUTANE = frozenset({".bu", ".butane", ".yaml", ".yml"})


def arch_of(wanted: Wanted, known: tuple[str, ...], title: str) -> str:
    """Return the processor that is asked for: that of the board, else `arch`. Raises UsageError."""
    arch = wanted.arch
    if wanted.board:
        if wanted.board not in board_type_files():
            raise UsageError(f"there is no board {wanted.board!r}; there are {', '.join(board_type_files())}")
        board = load_board_type(wanted.board)
        if arch and arch != board.arch:
            raise UsageError(f"{wanted.board} is {board.arch}, not {arch}; leave --arch out")
        arch = board.arch
    if not arch:
        raise UsageError(f"say for what: --board, or --arch {' or '.join(known)}")
    if arch not in known:
        raise UsageError(f"{title} is made for {' and '.join(known)}, not for {arch}")
    return arch


def console_of(wanted: Wanted) -> str:
    """Return the kernel arguments of the board's console, "" where no board is named."""
    return load_board_type(wanted.board).console_args if wanted.board else ""


def butane_sources(wanted: Wanted) -> dict[str, dict[str, Any]]:
    """Return how a site file names the plan's config, where that is Butane: translated there, too."""
    path = Path(wanted.extras.get("config", "")).absolute()
    if path.suffix not in _BUTANE:
        return {}
    found: dict[str, Any] = {"kind": "butane", "name": CONFIG, "file": str(path)}
    folder = wanted.extras.get("files_dir", "")
    return {CONFIG: found | ({"files_dir": str(Path(folder).absolute())} if folder else {})}


def ignition_config(wanted: Wanted) -> Config | None:
    """Return the plan's config from `wanted.extras`: `config`, a file of Ignition or Butane, and `files_dir`.

    Raises ConfigError with the faults of a Butane file.
    """
    given = wanted.extras.get("config", "")
    if not given:
        return None
    path = Path(given).absolute()
    if path.suffix not in _BUTANE:
        return Config(kind=ConfigKind.IGNITION, name=CONFIG, path=path)
    folder = wanted.extras.get("files_dir", "")
    text = ignition_of(path, Path(folder) if folder else None)
    return Config(kind=ConfigKind.IGNITION, name=CONFIG, text=text)
