"""Run against run, or against a baseline: what may be compared, and what came of it."""
