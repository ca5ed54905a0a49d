"""Disks as files: where everything is, who owns it, and that two are the same."""

import json
import subprocess

import pytest

from lab.errors import InfrastructureError
from lab.refos.build import disk, env

UUID = "b0071ab0-0000-4000-8000-000000000099"


def table(path):
    said = subprocess.run(["sfdisk", "--json", str(path)], capture_output=True, text=True, check=True).stdout
    return {part["name"]: part for part in json.loads(said)["partitiontable"]["partitions"]}


def debugfs(image, command):
    return subprocess.run(["debugfs", "-R", command, str(image)], capture_output=True, check=True).stdout


def content(path, part, size=None):
    with path.open("rb") as file:
        file.seek(part["start"] * 512)
        return file.read(size or part["size"] * 512)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("disk")
    boot, slot = folder / "boot.img", folder / "slot.img"
    boot.write_bytes(disk.fat_image({"boot.scr": b"script"}, 16))
    source = folder / "release"
    source.write_text("VERSION=1")
    disk.ext4_image(slot, {"etc/refos-release": source}, UUID)
    out = folder / "disk.img"
    disk.disk_image(out, boot=boot, slots={"B": slot}, state={"a/config": b"version: v1alpha1\n"}, size=350)
    return folder


def test_partitions_have_their_names_and_contents(made):
    path = made / "disk.img"
    parts = table(path)
    assert sorted(parts) == ["BOOT", "ENV", "SLOT-A", "SLOT-B", "STATE"]
    assert env.current(content(path, parts["ENV"])) == env.FRESH
    slot = (made / "slot.img").read_bytes()
    assert content(path, parts["SLOT-B"], len(slot)) == slot
    assert content(path, parts["SLOT-A"], 1 << 20) == bytes(1 << 20)
    end = parts["STATE"]["start"] + parts["STATE"]["size"]
    assert end > (350 - 2) * 2048  # STATE is the rest of the disk


def test_state_holds_the_files_and_is_clean(made, tmp_path):
    state = tmp_path / "state.img"
    state.write_bytes(content(made / "disk.img", table(made / "disk.img")["STATE"]))
    assert debugfs(state, "cat a/config") == b"version: v1alpha1\n"
    assert b"has_journal" in debugfs(state, "stats")
    assert subprocess.run(["e2fsck", "-fn", str(state)], capture_output=True, check=False).returncode == 0


def test_a_slot_is_clean_and_roots(made):
    assert (
        subprocess.run(["e2fsck", "-fn", made / "slot.img"], capture_output=True, check=False).returncode == 0
    )
    said = debugfs(made / "slot.img", "stat etc/refos-release").decode()
    assert "User:     0   Group:     0" in said


def test_two_are_the_same(made, tmp_path):
    source = tmp_path / "another name"
    source.write_text("VERSION=1")
    other = tmp_path / "slot.img"
    disk.ext4_image(other, {"etc/refos-release": source}, UUID)
    assert other.read_bytes() == (made / "slot.img").read_bytes()
    assert disk.fat_image({"boot.scr": b"script"}, 16) == (made / "boot.img").read_bytes()


def test_what_does_not_fit_is_named(made, tmp_path):
    large = tmp_path / "large.img"
    with large.open("wb") as file:
        file.truncate(129 << 20)
    with pytest.raises(InfrastructureError, match=r"large\.img does not fit on SLOT-A, which has 128 MiB"):
        disk.disk_image(tmp_path / "disk.img", boot=made / "boot.img", slots={"A": large})
    with pytest.raises(InfrastructureError, match="at least 340 MiB"):
        disk.disk_image(tmp_path / "disk.img", boot=made / "boot.img", slots={}, size=339)
