"""What an image says of itself, and the scripts in it."""

import subprocess

import pytest

from lab.errors import InfrastructureError
from lab.refos.build.rootfs import FILES, Identity, applets, own_code, texts


@pytest.mark.parametrize("name", sorted(path.name for path in FILES.glob("*.sh")))
def test_scripts_are_ones_that_busybox_takes(name):
    done = subprocess.run(["busybox", "sh", "-n", str(FILES / name)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_identity_is_in_the_image_and_in_raucs_configuration():
    found = texts(Identity("1.2", "arm64", "abcd"), b"keyring")
    assert b"VERSION=1.2\nARCH=arm64\nSHA=abcd\nCOMPATIBLE=refos-arm64\n" in found["etc/refos-release"].data
    assert b"compatible=refos-arm64\n" in found["etc/rauc/system.conf"].data
    assert found["etc/rauc/keyring.pem"].data == b"keyring"


def test_only_what_runs_in_the_guest_comes_in():
    paths = own_code()
    packages = {path.split("dist-packages/")[1].split("/")[0] for path in paths}
    assert packages == {"lab", "grpclib"}
    ours = {path.split("dist-packages/lab/")[1].split("/")[0] for path in paths if "/lab/" in path}
    assert ours == {"__init__.py", "machineapi", "machineconfig", "refos"}
    assert not any("refos/build" in path for path in paths)


def test_applets_are_read_out_of_any_busybox():
    assert applets(b"\x7fELF\0[\0[[\0ash\0cat\0\0later\0") == ["[", "[[", "ash", "cat"]
    with pytest.raises(InfrastructureError):
        applets(b"\x7fELF")
