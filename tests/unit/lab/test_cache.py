import os

import pytest

from lab.cache import cache_dir
from lab.errors import InfrastructureError


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """No variable set, and a home and temporary folder of our own."""
    for name in ("BOOTLAB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_is_in_the_home_by_default(bare):
    assert cache_dir() == bare / "home" / ".cache" / "bootlab"
    assert cache_dir().stat().st_mode & 0o777 == 0o700


def test_xdg(bare, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(bare / "xdg"))
    assert cache_dir() == bare / "xdg" / "bootlab"


def test_a_relative_xdg_folder_is_ignored_as_the_specification_says(bare, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    assert cache_dir() == bare / "home" / ".cache" / "bootlab"


def test_our_own_variable_wins_and_may_be_relative(bare, monkeypatch):
    monkeypatch.chdir(bare)
    monkeypatch.setenv("BOOTLAB_CACHE", "mine")
    assert cache_dir() == bare / "mine"


def test_an_account_without_a_home_gets_a_private_folder(bare, monkeypatch):
    monkeypatch.setenv("HOME", "/proc/nonexistent")
    assert cache_dir() == bare / f"bootlab-{os.geteuid()}"


def test_says_what_to_do_where_the_chosen_one_cannot_be_made(bare, monkeypatch):
    monkeypatch.setenv("BOOTLAB_CACHE", "/proc/nonexistent/x")
    with pytest.raises(InfrastructureError, match=r"/proc/nonexistent/x: .*set BOOTLAB_CACHE"):
        cache_dir()
