"""Questions by name, answered as JSON."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.browse import runs, trends
from lab.browse.comparing import Comparing
from lab.browse.going import going
from lab.browse.library import Library
from lab.browse.nights import Nights
from lab.browse.systems import systems
from lab.browse.updates import updates


class Answers:
    """All that may be asked of a results folder. Thread-safe; `watch` is to run in a thread of its own.

    `changed` is called with a number that goes up, from any thread. `updates_file`: the update servers'.
    """

    def __init__(
        self,
        results: Path,
        index_file: Path,
        changed: Callable[[int], None],
        updates_file: Path | None = None,
    ) -> None:
        self._library = library = Library(results, index_file)
        self._changed, self._number = changed, 0
        self._comparing = Comparing(library, self._tell)
        nights = Nights(library, self._comparing.of)
        self._questions: dict[str, Callable[..., dict[str, Any]]] = {
            "runs": lambda **given: runs.runs(library, **given),
            "run": lambda **given: runs.run(library, **given),
            "boots": lambda **given: runs.boots(library, **given),
            "boot": lambda **given: runs.boot(library, **given),
            "console": lambda **given: runs.console(library, **given),
            "nights": nights.nights,
            "night": nights.night,
            "trends": lambda **given: trends.trends(library, **given),
            "systems": lambda: systems(library),
            "updates": lambda: updates(updates_file),
            "going": lambda: going(library),
        }

    def ask(self, question: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Answer. Raises Missing where there is no such thing, LabError where it cannot be read."""
        return self._questions[question](**arguments)

    def watch(self) -> None:
        """Follow the folder until `close`."""
        self._library.watch(self._tell)

    def look(self) -> None:
        """Take in what is new, once."""
        self._library.look()

    def close(self) -> None:
        """Let `watch` end."""
        self._library.close()
        self._comparing.close()

    def _tell(self) -> None:
        self._number += 1
        self._changed(self._number)
