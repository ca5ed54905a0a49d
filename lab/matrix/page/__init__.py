"""One self-contained HTML page per night: what changed, what failed and why, each cell and its nights."""

from lab.matrix.page.write import write_night

__all__ = ["write_night"]
