"""Sheets on disk: results/claims/<UTC>-<system>-<random>/claims.json, and its page beside it."""

import json
import re
from dataclasses import replace
from pathlib import Path

from lab.claims.model import Sheet
from lab.errors import InfrastructureError, UsageError
from lab.store import new_run_id
from lab.store.codec import RecordError, decode, to_json
from lab.store.writer import disk_errors, write_text

FOLDER, FILE = "claims", "claims.json"
_LARGEST = 8 << 20
_WORD = re.compile(r"[^a-z0-9.]+")


def write_sheet(results: Path, sheet: Sheet) -> Path:
    """Write a sheet below `results`; return its folder. Raises DiskError."""
    stamp, _, rest = new_run_id().partition("-")
    name = f"{stamp}-{_WORD.sub('-', sheet.system.lower())}-{rest}"
    folder = results / FOLDER / name
    with disk_errors(folder):
        folder.mkdir(parents=True)
        write_text(folder / FILE, json.dumps(to_json(replace(sheet, name=name)), indent=1) + "\n")
    return folder


def load_sheet(path: Path) -> Sheet:
    """Read a sheet, or the one in the folder `path`. Raises UsageError where it is none, naming the field."""
    file = path / FILE if path.is_dir() else path
    try:
        with file.open("rb") as opened:
            raw = opened.read(_LARGEST + 1)
        if len(raw) > _LARGEST:
            raise UsageError(f"{file} has more than {_LARGEST} bytes: it is no sheet of claims")
        return decode(Sheet, json.loads(raw))
    except FileNotFoundError:
        raise UsageError(f"{path} is no sheet of claims: there is no {FILE}") from None
    except OSError as exc:
        raise InfrastructureError(f"{file} cannot be read: {exc.strerror}") from exc
    except (RecordError, ValueError, RecursionError) as exc:
        raise UsageError(f"{file} is no sheet of claims: {exc}") from None


def list_sheets(results: Path) -> list[Path]:
    """The folders of all sheets, the oldest first."""
    return sorted(path.parent for path in (results / FOLDER).glob(f"*/{FILE}"))


def find_sheet(results: Path, name: str) -> Path:
    """Return the folder of the sheet `name`: a path, the start of its name, or a system's name (the newest).

    Raises UsageError where none or several fit.
    """
    if (Path(name) / FILE).is_file() or Path(name).is_file():
        return Path(name)
    every = list_sheets(results)
    of_system = [path for path in every if f"-{name}-" in path.name]
    fits = of_system[-1:] or [path for path in every if path.name.startswith(name)]
    if len(fits) != 1:
        known = ", ".join(path.name for path in every[-5:]) or "there is none yet: bootlab test claims"
        raise UsageError(
            f"{name!r} {'fits several sheets' if fits else 'is no sheet'} in {results / FOLDER}; {known}"
        )
    return fits[0]
