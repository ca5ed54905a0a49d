"""What of a results folder may be fetched as it is, as links."""

from pathlib import Path
from typing import Any

from lab.browse.library import Library
from lab.store.run import BOOTS_FILE, MEASUREMENTS_FILE, REPORT_FILE, RUN_FILE, TRACE_FILE

_OF_A_RUN = {
    "report": REPORT_FILE,
    "how it was measured": RUN_FILE,
    "boots": BOOTS_FILE,
    "measurements": MEASUREMENTS_FILE,
    "trace for ui.perfetto.dev": TRACE_FILE,
}


def link(library: Library, word: str, path: Path) -> list[dict[str, Any]]:
    """The file as a link, in a list; an empty one where it is not there, or lies elsewhere.

    Names come from records, which boards had a hand in.
    """
    try:
        whole, size = path.resolve(), path.stat().st_size
        inside = whole.relative_to(library.results.resolve())
    except (OSError, ValueError):
        return []
    return [{"word": word, "path": inside.as_posix(), "size": size}] if whole.is_file() else []


def run_files(library: Library, folder: Path) -> list[dict[str, Any]]:
    """The files of a run as a whole."""
    return [found for word, name in _OF_A_RUN.items() for found in link(library, word, folder / name)]


def boot_files(library: Library, folder: Path, number: int, console: str, pcap: str) -> list[dict[str, Any]]:
    """The files of one boot (0-based number)."""
    found = link(library, "events of the boot service", folder / f"events-{number:03}.jsonl")
    if console:
        found += link(library, "console recording (asciicast)", folder / console)
    return found + (link(library, "packets (pcapng)", folder / pcap) if pcap else [])


def report(library: Library, folder: Path) -> str:
    """The path of a folder's report; "" where it has none."""
    return next((found["path"] for found in link(library, "report", folder / REPORT_FILE)), "")
