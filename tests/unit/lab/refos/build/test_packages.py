"""A package set is resolved once; what was resolved serves without a network."""

import json

import pytest

from lab.errors import InfrastructureError
from lab.refos.build import recipe
from lab.refos.build.packages import package_set


def silent(text):
    raise AssertionError(f"asked apt: {text}")


@pytest.fixture
def resolved(tmp_path):
    archives = tmp_path / "cache/archives"
    archives.mkdir(parents=True)
    (archives / "p_1_arm64.deb").write_bytes(b"x")
    wanted = {"release": "bookworm", "arch": "arm64", "names": ["p"], "present": []}
    package = {"name": "p", "version": "1", "file": "p_1_arm64.deb", "sha256": "00"}
    (tmp_path / "packages.json").write_text(json.dumps({"wanted": wanted, "packages": [package]}))
    return tmp_path


def test_what_was_resolved_is_taken(resolved):
    packages = package_set(resolved, "arm64", ["p"], [], silent, update=False)
    assert packages.archive("p").read_bytes() == b"x"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda folder: (folder / "cache/archives/p_1_arm64.deb").unlink(), id="archive gone"),
        pytest.param(lambda folder: (folder / "packages.json").write_text("{"), id="file damaged"),
        pytest.param(lambda folder: (folder / "packages.json").unlink(), id="file gone"),
    ],
)
def test_what_is_not_there_any_more_is_resolved_again(resolved, change, monkeypatch):
    change(resolved)
    monkeypatch.setattr("lab.debian.mirror", lambda: "file:///no-such-mirror")
    with pytest.raises(InfrastructureError, match="packages of refos for arm64 cannot be had: apt-get"):
        package_set(resolved, "arm64", ["p"], [], lambda text: None, update=False)


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("usr/bin/python3.11", True),
        ("usr/bin/perl", False),
        ("sbin/e2fsck", True),
        ("usr/share/doc/rauc/copyright", False),
        ("usr/share/dbus-1/system.d/de.pengutronix.rauc.conf", True),
        ("usr/share/dbus-1/system-services/de.pengutronix.rauc.service", False),
        ("usr/lib/python3.11/asyncio/events.py", True),
        ("usr/lib/python3.11/test/support.py", False),
        ("lib/systemd/system/rauc.service", False),
        ("lib/modules/6.1/kernel/fs/ext4.ko", False),
    ],
)
def test_files_that_come_in(path, wanted):
    assert recipe.wanted(path) == wanted
