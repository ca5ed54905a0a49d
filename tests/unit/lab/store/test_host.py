import socket
import sys
from pathlib import Path

import pytest

from lab.store.host import cpu_model, describe_host, describe_versions, program_version, without_paths


def test_this_host_is_described_without_its_name():
    host = describe_host()
    assert host.cores >= 1
    assert host.memory_bytes > 1 << 20
    assert host.cpu
    assert socket.gethostname() not in f"{host.cpu}|{host.kernel}".split()


@pytest.mark.parametrize(
    ("cpuinfo", "model"),
    [
        ("processor\t: 0\nmodel name\t: AMD EPYC  7B13\n", "AMD EPYC 7B13"),
        ("processor\t: 0\nHardware\t: BCM2835\nModel\t\t: Raspberry Pi 4\n", "BCM2835"),
        ("CPU implementer\t: 0x41\n", ""),
    ],
)
def test_cpu_model(cpuinfo, model):
    assert cpu_model(cpuinfo) == model


def test_versions_name_python_and_us():
    versions = describe_versions()
    assert versions["Python"] == ".".join(map(str, sys.version_info[:3]))
    assert versions["bootlab"]


def test_program_version_is_what_the_program_prints():
    printed = "print('QEMU emulator version 7.2.22 (Debian 1:7.2)')"
    assert program_version([sys.executable, "-c", printed]) == "7.2.22 (Debian 1:7.2)"
    assert program_version(["/nonexistent-program"]) == ""
    assert program_version([sys.executable, "-c", "raise SystemExit(1)"]) == ""


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (["bootlab", "boot", "--config=/home/joe/lab.yaml"], "bootlab boot --config=lab.yaml"),
        (["/usr/local/bin/bootlab", "tftp", "/srv/tftp/"], "bootlab tftp "),
        (["get", "http://10.0.0.1/x/y", "a/b"], "get http://10.0.0.1/x/y a/b"),
    ],
)
def test_paths_of_people_are_left_out(command, text):
    assert without_paths(command) == text
    assert str(Path.home()) not in without_paths([str(Path.home() / "x")])
