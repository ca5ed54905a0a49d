"""What was measured, as the page and the API ask for it. Whoever runs the service gives it (`lab.browse`);
the boot service itself measures nothing."""

from pathlib import Path
from typing import Any, Protocol


class Results(Protocol):
    """A folder of results, and somebody who can read it."""

    folder: Path

    def warm(self) -> None:
        """Somebody may ask soon; never waits."""

    def version(self) -> int:
        """Goes up whenever something is new; never waits."""

    def ask(self, question: str, **given: Any) -> dict[str, Any]:
        """Return the answer as JSON. Raises Unknown where there is no such thing, ServiceError where nobody
        can tell at the moment."""

    def close(self) -> None:
        """Let go of it, for good."""
