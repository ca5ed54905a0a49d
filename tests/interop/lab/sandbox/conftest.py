import tempfile

import pytest

from lab.errors import SandboxError
from lab.sandbox import Sandbox


@pytest.fixture(autouse=True)
def cache(monkeypatch):
    """A cache of our own with a short path: pytest's tmp_path may be too long for Unix sockets."""
    with tempfile.TemporaryDirectory(prefix="bl-") as folder:
        monkeypatch.setenv("BOOTLAB_CACHE", folder)
        yield folder


@pytest.fixture
def sandbox(cache):
    try:
        made = Sandbox.create()
    except SandboxError as exc:
        pytest.skip(str(exc))
    with made:
        yield made
