"""Runs for other programs: JUnit, JSON, CSV, OpenMetrics, a trace, GitHub Actions, pictures."""
