"""Results on disk: JSON lines are the truth, everything else is derived from them."""

from lab.store.codec import RecordError, from_json, to_json
from lab.store.host import HostInfo, describe_host, describe_versions, without_paths
from lab.store.run import Run, RunInfo, find_run, latest, list_runs, load_events, load_run
from lab.store.writer import RunWriter, new_run_id, utc_now, write_text

__all__ = [
    "HostInfo",
    "RecordError",
    "Run",
    "RunInfo",
    "RunWriter",
    "describe_host",
    "describe_versions",
    "find_run",
    "from_json",
    "latest",
    "list_runs",
    "load_events",
    "load_run",
    "new_run_id",
    "to_json",
    "utc_now",
    "without_paths",
    "write_text",
]
