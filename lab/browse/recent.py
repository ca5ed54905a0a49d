"""What was asked for lately, kept for the next time."""

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """The `most` things that were asked for last, by key. Thread-safe."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._things: OrderedDict[object, T] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: object) -> T | None:
        """The thing, if it is still kept."""
        with self._lock:
            if key in self._things:
                self._things.move_to_end(key)
            return self._things.get(key)

    def put(self, key: object, thing: T) -> T:
        """Keep it, and return what is kept: another thread may have been first."""
        with self._lock:
            kept = self._things.setdefault(key, thing)
            while len(self._things) > self._most:
                self._things.popitem(last=False)
            return kept
