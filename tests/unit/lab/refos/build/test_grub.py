"""The environment of a PC: our sector against grub-editenv, and the script that stands in for libubootenv."""

import shutil
import subprocess

import pytest

from lab.refos.build import env, grub
from lab.refos.build.disk import LAYOUT, MIB, SECTOR
from lab.refos.build.hosttools import PROGRAMS
from lab.refos.build.rootfs import FILES

VARIABLES = {**env.FRESH, "BOOT_ARGS": "quiet loglevel=3"}
needs_mtools = pytest.mark.skipif(shutil.which("mcopy") is None, reason=f"no mcopy: {PROGRAMS['mcopy']}")


def test_a_sector_and_back():
    sector = grub.block(VARIABLES)
    assert len(sector) == SECTOR
    assert grub.variables_of(sector) == VARIABLES


@pytest.mark.skipif(shutil.which("grub-editenv") is None, reason="no grub-editenv: grub-common")
def test_grubs_own_program_reads_it(tmp_path):
    (tmp_path / "grubenv").write_bytes(grub.block(VARIABLES))
    done = subprocess.run(
        ["grub-editenv", tmp_path / "grubenv", "list"], capture_output=True, text=True, check=True
    )
    assert dict(line.split("=", 1) for line in done.stdout.splitlines()) == VARIABLES


@pytest.mark.parametrize("wrong", [{"BOOT_ARGS": "x" * 500}, {"BOOT_ARGS": "a\\b"}])
def test_what_does_not_fit(wrong):
    with pytest.raises(ValueError, match="room for 512"):
        grub.block(wrong)


@pytest.mark.parametrize("sector", [b"", bytes(512), b"\xff" * 512])
def test_no_environment(sector):
    with pytest.raises(ValueError, match="no environment"):
        grub.variables_of(sector)


@needs_mtools
def test_the_partition_has_it_in_one_sector_and_is_the_same_each_time():
    partition = grub.env_partition(VARIABLES)
    (size,) = (part.size for part in LAYOUT if part.name == "ENV")
    assert len(partition) == size * MIB
    begin = grub.sector_of(partition) * SECTOR
    assert partition[begin : begin + SECTOR] == grub.block(VARIABLES)
    assert grub.env_partition(VARIABLES) == partition
    assert grub.sector_of(grub.env_partition(env.FRESH)) * SECTOR == begin


@pytest.fixture
def programs(tmp_path):
    """fw_printenv and fw_setenv on a file, by the shell that the system has, if it is here."""
    shell = [shutil.which("busybox"), "sh"] if shutil.which("busybox") else ["sh"]
    disk = tmp_path / "env"
    disk.write_bytes(bytes(3 * SECTOR) + grub.block(VARIABLES) + b"\x5a" * SECTOR)
    script = (FILES / "fw-grub.sh").read_text().replace("@SECTOR@", "3").replace("/dev/refos/env", str(disk))
    for name in ("fw_printenv", "fw_setenv"):
        (tmp_path / name).write_text(script)

    def run(*words, stdin=""):
        argv = [*shell, str(tmp_path / words[0]), *words[1:]]
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    run.disk = disk
    return run


def stored(programs):
    content = programs.disk.read_bytes()
    assert len(content) == 5 * SECTOR
    assert content[: 3 * SECTOR] == bytes(3 * SECTOR)
    assert content[4 * SECTOR :] == b"\x5a" * SECTOR, "nothing but the sector is written"
    return grub.variables_of(content[3 * SECTOR :])


def test_reading(programs):
    status, said, _ = programs("fw_printenv")
    assert status == 0
    assert dict(line.split("=", 1) for line in said.splitlines()) == VARIABLES
    assert programs("fw_printenv", "BOOT_ORDER") == (0, "BOOT_ORDER=A B\n", "")
    status, _, error = programs("fw_printenv", "BOOT_ORDER", "NONE")
    assert (status, error) == (1, '## Error: "NONE" not defined\n')


def test_writing_one_and_several(programs):
    assert programs("fw_setenv", "BOOT_ORDER", "B A")[0] == 0
    assert stored(programs) == {**VARIABLES, "BOOT_ORDER": "B A"}
    assert programs("fw_setenv", "-s", "-", stdin="BOOT_A_LEFT=0\nBOOT_B_LEFT=3\nNEW=a=b\n")[0] == 0
    assert stored(programs) == {**VARIABLES, "BOOT_ORDER": "B A", "BOOT_A_LEFT": "0", "NEW": "a=b"}


def test_an_empty_value_takes_a_variable_away(programs):
    assert programs("fw_setenv", "BOOT_ARGS", "")[0] == 0
    assert "BOOT_ARGS" not in stored(programs)


def test_what_has_no_room_changes_nothing(programs):
    status, _, error = programs("fw_setenv", "BOOT_ARGS", "x" * 500)
    assert (status, error) == (1, "fw_setenv: the boot environment is full\n")
    assert stored(programs) == VARIABLES
