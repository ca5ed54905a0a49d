"""The one clock: CLOCK_MONOTONIC in nanoseconds, shared by all processes of a host; wall time once a run."""

from time import monotonic_ns as now_ns

__all__ = ["now_ns", "seconds"]


def seconds(ns: int) -> float:
    """Nanoseconds as seconds, for people."""
    return ns / 1e9
