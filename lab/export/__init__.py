"""Runs for other programs: JUnit, JSON, CSV, OpenMetrics, a trace, GitHub Actions, pictures."""

from lab.export.formats import FORMATS

__all__ = ["FORMATS"]
