"""No node in two rollouts at once: each that runs names its nodes in a file that it holds locked.

Two would read the same configuration, and who applies last would undo what the other has changed. Seen are
those of this user on this host, in this network: the same address in another namespace is another node.
"""

import contextlib
import fcntl
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab.cache import state_dir
from lab.errors import InfrastructureError, UsageError
from lab.rollout.plan import Plan

_NETWORK = Path("/proc/self/ns/net")


@contextlib.contextmanager
def alone(plan: Plan, journal: Path) -> Iterator[None]:
    """Have the plan's nodes for this rollout while the context is open.

    Raises UsageError that names a node and the journal of who has it, InfrastructureError.
    """
    note = {
        "journal": str(journal.absolute()),
        "network": _NETWORK.stat().st_ino,
        "nodes": [node.endpoint for node in plan.nodes],
    }
    with contextlib.ExitStack() as stack:
        try:
            _take(plan, note, stack)
        except OSError as exc:
            raise InfrastructureError(f"{exc.filename}: who is at which nodes: {exc.strerror}") from exc
        yield


def _take(plan: Plan, note: dict[str, Any], stack: contextlib.ExitStack) -> None:
    folder = state_dir() / "rollouts"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "guard").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        for path in folder.glob("*.json"):
            _refuse(plan, note, path)
        own = folder / f"{uuid.uuid4()}.json"
        file = stack.enter_context(own.open("w"))
        stack.callback(own.unlink, missing_ok=True)
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(json.dumps(note))
        file.flush()


def _refuse(plan: Plan, note: dict[str, Any], path: Path) -> None:
    """Refuse to share a node with a rollout that runs; forget one that was killed."""
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            other = json.load(file)
        else:
            path.unlink()
            return
    if other["network"] != note["network"] or other["journal"] == note["journal"]:
        return  # of the same journal, its own lock knows
    taken = set(other["nodes"])
    for node in plan.nodes:
        if node.endpoint in taken:
            raise UsageError(
                f"{plan.file}: another rollout is at {node.name} ({node.endpoint}), and perhaps at more of "
                f"these nodes: {other['journal']}; wait for its end, or --pause it"
            )
