"""skopeo, which is not ours, pulls installers through the cache: with the factory behind it, and without."""

import json
import os
import subprocess
import sys

import pytest

from lab.errors import InfrastructureError
from lab.systems.talos.schematic import VANILLA
from lab.testing.debian import LIBGPGME, SKOPEO, file_of
from lab.testing.vendors.factory import Factory
from lab.testing.vendors.installers import installer
from lab.testing.vendors.server import VendorServer

pytestmark = pytest.mark.interop

NAME = f"metal-installer/{VANILLA.id}:v1.13.9"


@pytest.fixture(scope="module")
def skopeo():
    try:
        program = file_of(*SKOPEO)
        (library,) = file_of(*LIBGPGME).parents[3].glob("lib/*/libgpgme.so.11")
    except InfrastructureError as exc:
        pytest.skip(str(exc))
    environment = os.environ | {"LD_LIBRARY_PATH": str(library.parent)}

    def ran(*words):
        argv = [str(program), "--insecure-policy", *map(str, words)]  # no policy of signatures here
        return subprocess.run(
            argv, capture_output=True, text=True, check=True, timeout=60, env=environment
        ).stdout

    return ran


@pytest.fixture
def cache(tmp_path):
    """The cache as `bootlab serve` starts it, and the stand-in that it asks."""
    with VendorServer(Factory()) as vendor:
        argv = [sys.executable, "-m", "lab.factorycache", "--listen", "127.0.0.1", "--port", "0"]
        argv += ["--limit", "100000000", "--folder", str(tmp_path / "cache"), "--upstream", vendor.url]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield vendor, process.stdout.readline().rpartition("//")[2].strip()
            finally:
                process.terminate()


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_copy_and_inspect_with_a_network_and_without(cache, skopeo, tmp_path):
    vendor, address = cache
    source = f"docker://{address}/{NAME}"
    skopeo("copy", "--all", "--src-tls-verify=false", source, f"dir:{tmp_path}/first")
    first = contents(tmp_path / "first")
    image = installer("metal-installer", VANILLA.id, "v1.13.9")
    assert first["manifest.json"] == image.parts[image.top][0]
    assert {data for data, _ in image.parts.values()} <= set(first.values())
    vendor.faults.status = 503
    skopeo("copy", "--all", "--src-tls-verify=false", source, f"dir:{tmp_path}/second")
    assert contents(tmp_path / "second") == first
    said = skopeo("inspect", "--no-tags", "--tls-verify=false", "--override-arch", "arm64", source)
    assert json.loads(said)["Architecture"] == "arm64"
