"""Write the page of sheets as one HTML file that asks nobody for anything."""

from collections.abc import Sequence
from pathlib import Path

from lab.claims.model import Sheet
from lab.claims.page.view import page_view
from lab.report.page import rendered
from lab.store.writer import write_text


def write_page(path: Path, sheets: Sequence[Sheet]) -> Path:
    """Write the page to `path`; return it. Raises DiskError where the disk does not take it."""
    write_text(path, rendered("claims.html", view=page_view(sheets)))
    return path
