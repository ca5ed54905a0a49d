"""`python -m lab.updates FILE`: the update servers as a companion of `bootlab serve`."""

import logging
import sys
from pathlib import Path

from lab.errors import LabError
from lab.updates.config import read_settings
from lab.updates.server import serve


def main() -> None:
    """Serve; one line once bound, or why not."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s updates: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        serve(read_settings(Path(sys.argv[1])), lambda line: print(line, flush=True))  # noqa: T201
    except LabError as exc:
        sys.exit(f"{exc}")


if __name__ == "__main__":
    main()
