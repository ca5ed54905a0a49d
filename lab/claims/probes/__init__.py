"""Probes: one for each way to ask a node."""
