"""What tests against peer programs share."""

import pytest

from lab.testing.browser import chromium


@pytest.fixture(scope="module")  # not longer: while it runs, no other test of the process may run asyncio
def browser():
    """A Chromium without a window."""
    try:
        with chromium() as started:
            yield started
    except FileNotFoundError as missing:
        pytest.skip(str(missing))
