"""What `bootlab rollout` told of its rollouts. In memory: the journal of each is where it runs."""

import threading
from collections import OrderedDict
from typing import Any

_MOST = 20  # rollouts that are kept


class Rollouts:
    """What was told, by name. Thread-safe."""

    def __init__(self) -> None:
        self._told: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, name: str, body: dict[str, Any]) -> None:
        """Keep the newest state of a rollout; the oldest ones make room."""
        with self._lock:
            self._told[name] = {"name": name, **body}
            self._told.move_to_end(name)
            while len(self._told) > _MOST:
                self._told.popitem(last=False)

    def all(self) -> list[dict[str, Any]]:
        """Return those that are kept."""
        with self._lock:
            return list(self._told.values())
