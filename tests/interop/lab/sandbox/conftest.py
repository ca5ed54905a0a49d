import tempfile

import pytest


@pytest.fixture(autouse=True)
def cache(monkeypatch):
    """A cache of our own with a short path: pytest's tmp_path may be too long for Unix sockets."""
    with tempfile.TemporaryDirectory(prefix="bl-") as folder:
        monkeypatch.setenv("BOOTLAB_CACHE", folder)
        yield folder
