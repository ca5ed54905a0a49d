"""One self-contained HTML page per run: where every second of its boots went."""

from lab.report.page import write_report

__all__ = ["write_report"]
