"""With this host's real apt and dpkg, and a real full disk."""

import json
import os
import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.interop
ADD = [sys.executable, "-m", "lab", "image", "add"]


@pytest.fixture(scope="module")
def apt():
    if shutil.which("apt-get") is None:
        pytest.skip("apt-get is not on this host")


@pytest.fixture
def add(tmp_path):
    def run(*words):
        argv = [*ADD, "--store", str(tmp_path / "images"), "--json", *words]
        return subprocess.run(argv, capture_output=True, text=True, timeout=250, check=False)

    return run


def test_an_installed_package(apt, add):
    done = add("keys", "--arch", "x86_64", "--package", "debian-archive-keyring", _keyring())
    assert done.returncode == 0, done.stderr
    manifest = json.loads(done.stdout)
    assert manifest["version"]  # the package's
    assert manifest["parts"]["ring"]["checked"] == ["installed package, MD5 by dpkg"]


def _keyring():
    return "ring=usr/share/keyrings/debian-archive-keyring.gpg"


def test_a_package_of_another_architecture(apt, add, tmp_path):
    done = add("busybox", "--arch", "arm64", "--package", "busybox-static", "sh=bin/busybox")
    if done.returncode == 4:
        pytest.skip(f"the archive cannot be reached: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    part = json.loads(done.stdout)["parts"]["sh"]
    assert part["checked"] == ["apt"]
    blob = tmp_path / "images" / "blobs" / "sha256" / part["sha256"][:2] / part["sha256"]
    assert blob.read_bytes()[:20] == b"\x7fELF\2\1\1" + blob.read_bytes()[7:16] + b"\2\0\xb7\0"  # AArch64
    missing = add("busybox", "--arch", "arm64", "--package", "busybox-static", "sh=bin/busyboxx")
    assert missing.returncode == 2
    assert "it has, among" in missing.stderr
    assert "bin/busybox" in missing.stderr


def test_a_package_that_does_not_exist(apt, add):
    done = add("x", "--arch", "arm64", "--package", "no-such-package-of-ours", "a=b")
    if done.returncode == 4:
        pytest.skip(f"the archive cannot be reached: {done.stderr.strip()}")
    assert done.returncode == 2
    assert "there is no package 'no-such-package-of-ours' for arm64" in done.stderr


def test_a_full_disk(tmp_path):
    flags = ["-m"] if os.geteuid() == 0 else ["-rm"]
    if shutil.which("unshare") is None or subprocess.run(["unshare", *flags, "true"], check=False).returncode:
        pytest.skip("no mount namespace can be made here")
    mount, big = tmp_path / "small", tmp_path / "big"
    mount.mkdir()
    big.write_bytes(bytes(4 << 20))
    words = [*ADD, "--store", str(mount), "big", "--version", "1", "--arch", "arm64", f"kernel={big}"]
    script = 'mount -t tmpfs -o size=1m none "$0"; "$@"; code=$?; find "$0" -type f -size +0; exit $code'
    argv = ["unshare", *flags, "sh", "-c", script, str(mount), *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 4
    assert "No space left on device" in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""  # nothing half-done stays
