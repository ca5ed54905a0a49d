"""The real cloud-init of Debian 12 (22.4.2), unpacked and not installed, reads its network seed from us."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from service_running import MAC, eventually

from pxe.events import ConfigDelivered, ConfigRefused

pytestmark = pytest.mark.interop

SEED = Path(__file__).with_name("seed.py")
PACKAGES = (
    "cloud-init python3-requests python3-urllib3 python3-configobj python3-jsonpatch python3-json-pointer "
    "python3-oauthlib python3-six python3-chardet python3-certifi python3-idna python3-netifaces "
    "python3-jsonschema python3-attr python3-pyrsistent python3-jinja2 python3-markupsafe python3-yaml"
)


@pytest.fixture(scope="module")
def modules(unpacked):
    """The folder of cloud-init's modules and of those that it imports."""
    if not Path("/usr/bin/python3").exists():
        pytest.skip("no /usr/bin/python3")
    return unpacked(*PACKAGES.split()) / "usr" / "lib" / "python3" / "dist-packages"


@pytest.fixture
def read_seed(modules, tmp_path):
    def read(cmdline):
        done = subprocess.run(
            ["/usr/bin/python3", "-S", SEED, tmp_path],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "PYTHONPATH": str(modules), "DEBUG_PROC_CMDLINE": cmdline},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return read


def seen(rack, kind):
    with rack.client() as client:
        return [e for _, e in client.events(0) if isinstance(e, kind)]


def test_the_network_seed(rack, read_seed):
    url = rack.config_url()
    got = read_seed(f"ro ds=nocloud-net;s={url} quiet")
    assert got["found"] is True
    assert got["user"] == "#cloud-config\npassword: from-a-file\n"
    assert got["meta"]["instance-id"] == MAC.replace(":", "-")
    assert got["meta"]["local-hostname"] == "node1"
    assert got["vendor"] == ""
    names = ["meta-data", "user-data", "vendor-data"]
    delivered = eventually(lambda: (found := seen(rack, ConfigDelivered)) and len(found) == 3 and found)
    # In whatever order: a delivery is noted when its thread is through, and the next may overtake it
    assert sorted(event.name for event in delivered) == names, (
        "each asked for once: nothing makes it wait and retry"
    )
    assert seen(rack, ConfigRefused) == []


def test_its_second_stage_reads_again(rack, read_seed):
    url = rack.config_url()
    first, second = (read_seed(f"ds=nocloud-net;s={url}") for _ in range(2))
    assert first == second


def test_the_other_spelling_asks_for_the_same(rack, read_seed):
    # 22.4.2 takes it for a local seed by its mode, and reads the URL all the same; 23 and later want it
    got = read_seed(f"ds=nocloud;s={rack.config_url()}")
    assert got["user"] == "#cloud-config\npassword: from-a-file\n"
