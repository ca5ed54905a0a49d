"""The real service at 127.0.0.2; its machine is at 127.0.0.1, where every client's packets come from."""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def _load(name: str, path: Path):
    """Import-mode importlib: helpers beside other tests are loaded by path, under their name there."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


_TESTS = Path(__file__).parents[3]
running = _load("service_running", _TESTS / "interop" / "pxe" / "service" / "running.py")
_load("dhcp_network", _TESTS / "interop" / "pxe" / "dhcp" / "conftest.py")
_load("config_generated", _TESTS / "unit" / "pxe" / "boot" / "configs" / "generated.py")

SERVER, STRANGER = "127.0.0.2", "127.0.0.9"
SECRETS = {"TALOS_CONFIG": "version: v1alpha1\nmachine: {token: of-the-test}\n"}
IGNITION = {
    "ignition": {"version": "3.5.0"},
    "storage": {"files": [{"path": "/etc/rack", "mode": 420, "contents": {"source": "data:,{mac}"}}]},
    "kernelArguments": {"shouldExist": ["quiet"]},
}


class Rack(running.Running):
    """A service whose plan has configs of every kind."""

    def __init__(self, folder: Path) -> None:
        (folder / "user-data").write_text("#cloud-config\npassword: from-a-file\n")
        (folder / "node.ign").write_text(json.dumps(IGNITION))
        super().__init__(folder, kernel=running.sparse(folder / "kernel", 4096))
        self.url = f"http://{SERVER}:{self.http_port}"
        site = json.loads(self.site.read_text())
        site["service"]["address"] = f"{SERVER}/8"
        site["machines"] = [{"mac": running.MAC, "name": "node1", "ip": "127.0.0.1", "plan": "p"}]
        plan = site["plans"]["p"]
        plan["cmdline"] = "ds=nocloud-net;s={config} ignition.config.url={config}node.ign"
        plan["configs"] = [
            {"kind": "nocloud", "file": "user-data", "secret": True},
            {"kind": "ignition", "file": "node.ign", "secret": True},
            {"kind": "talos", "name": "machine.yaml", "env": "TALOS_CONFIG", "secret": True},
            {"kind": "text", "name": "ks.cfg", "text": "url --url={server}\n%pre\ncurl {config}ks.cfg\n"},
        ]
        self.site.write_text(json.dumps(site))

    def boot_script(self) -> str:
        """What the boot loader of the machine fetches by TFTP."""
        return fetched(f"tftp://{SERVER}:{self.tftp_port}/pxelinux.cfg/default").decode()

    def config_url(self) -> str:
        """The URL of this boot's configs, as the kernel finds it on its command line."""
        return self.boot_script().partition("s=http")[2].join(["http", ""]).split()[0]


def fetched(url: str, *options: str) -> bytes:
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", "30", *options, url],
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory):
    """Unpacks Debian packages into a folder, without installing them, and returns it."""

    def unpack(*packages):
        if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
            pytest.skip("no apt-get or no dpkg")
        folder = tmp_path_factory.mktemp(packages[0])
        done = subprocess.run(
            ["apt-get", "download", *packages], cwd=folder, capture_output=True, text=True, timeout=200
        )
        if done.returncode != 0:
            pytest.skip(f"{packages[0]} cannot be downloaded: {done.stderr.strip().splitlines()[-1:]}")
        for package in folder.glob("*.deb"):
            subprocess.run(["dpkg", "-x", package, folder / "tree"], check=True, timeout=60)
        return folder / "tree"

    return unpack


@pytest.fixture(scope="session")
def ignition_tree(unpacked):
    """The root of a tree with Debian's Ignition: the host's own where it is installed."""
    return Path("/") if Path("/usr/bin/ignition-validate").exists() else unpacked("ignition")


@pytest.fixture
def fetch():
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    return fetched


@pytest.fixture
def rack(tmp_path, monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    service = Rack(tmp_path)
    try:
        yield service.start()
    finally:
        service.kill()
