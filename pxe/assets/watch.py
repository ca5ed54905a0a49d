"""Who is told how far a file is."""

from collections.abc import Callable

Progress = Callable[[int, int | None], None]  # bytes so far, bytes in all where they are known
Watch = Callable[[str], Progress]  # from the label of a file to what is told of its bytes


def no_watch(_label: str) -> Progress:
    """Nobody watches."""
    return _ignore


def _ignore(done: int, total: int | None) -> None:
    """Nobody wants to know."""
