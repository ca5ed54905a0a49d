import pytest

from lab.testing.updaters.scene import write_file


@pytest.fixture
def updates_file(tmp_path):
    return write_file(tmp_path)
