"""Debian's real cloud-init and systemd in an emulated PC that we netboot: what our NoCloud seed made of it.

One boot for all of it: users, keys, files, a system extension, and what `bootlab node --ssh` says.
"""

import asyncio

import pytest

from lab.clients.ssh import SshNode
from lab.errors import InfrastructureError
from lab.model import MilestoneRule, Source
from lab.systems.ssh_client import SshClient
from lab.systems.sysext import Release, build, source_of
from lab.testing.debianguest.boot import Wish, booted_guest
from lab.testing.ignition import empty_disk, read_file
from pxe.events import ConfigDelivered
from pxe.plan import Asset

pytestmark = [pytest.mark.hil, pytest.mark.timeout(900), pytest.mark.xdist_group("debian-guest")]
USABLE = "bootlab: the extension is usable: of rack 7"
FETCH = (
    "import urllib.request as u; u.urlretrieve('http://{server}/rack.raw', '/var/lib/extensions/rack.raw')"
)
USER_DATA = {
    "hostname": "web1",
    "write_files": [
        {"path": "/etc/lab/rack", "content": "{mac}\n", "permissions": "0640"},
    ],
    "runcmd": [
        "mkdir -p /var/lib/extensions",
        ["python3", "-c", FETCH],
        "systemd-sysext merge",
        'echo "bootlab: the extension is usable: $(rack-tool)" >/dev/console',
    ],
}


@pytest.fixture(scope="module")
def guest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guest")
    (folder / "rack-tool").write_text("#!/bin/sh\necho of rack 7\n")
    (folder / "rack-tool").chmod(0o755)
    tool = source_of(f"{folder / 'rack-tool'}:/usr/bin/rack-tool")
    build("rack", Release(id="debian", version_id="12"), [tool], folder / "rack.raw")
    wish = Wish(
        cloud_init=True,
        user_data=USER_DATA,
        files=(Asset("rack.raw", folder / "rack.raw"),),
        milestones=(MilestoneRule("usable", Source.CONSOLE, USABLE, "the extension is usable"),),
        disk=empty_disk(folder / "disk.img", 256 << 20),
    )
    try:
        with booted_guest(folder, wish) as booted:
            yield booted
    except InfrastructureError as exc:
        pytest.skip(str(exc))


def on(guest, *argv, root=False):
    """Run a command as the user that cloud-init made, whose host key is the console's."""

    async def run():
        async with SshNode(guest.login, guest.trust, timeout=60) as node:
            return (await node.check(list(argv), root=root)).text

    return asyncio.run(run())


def test_the_user_with_our_key_and_sudo(guest):
    assert on(guest, "id", "-un") == "lab\n"
    assert on(guest, "id", "-un", root=True) == "root\n"


def test_the_seed_came_over_http_once_and_secret(guest):
    names = [e.name for e in guest.outcome.events if isinstance(e, ConfigDelivered)]
    # 22.4.2 does not ask for network-config over HTTP: later ones do
    assert sorted(names) == ["meta-data", "user-data", "vendor-data"]
    assert "NoCloudNet" in on(guest, "cat", "/run/cloud-init/status.json")


def test_host_name_and_files_on_its_disk(guest):
    assert on(guest, "hostname") == "web1\n"
    assert on(guest, "stat", "-c", "%a %U", "/etc/lab/rack") == "640 root\n"
    on(guest, "sync", root=True)
    assert read_file(guest.board.power.disk_file(0), "/files/etc/lab/rack") == b"52:54:00:aa:03:01\n"
    assert read_file(guest.board.power.disk_file(0), "/files/etc/hostname") == b"web1\n"


def test_a_system_extension_merged_by_systemd(guest):
    assert USABLE in guest.console
    assert on(guest, "rack-tool") == "of rack 7\n"
    assert "rack" in on(guest, "systemd-sysext", "status")
    assert guest.seconds("kernel") < guest.seconds("usable") < guest.seconds("ready")
    print(f"usable {guest.seconds('usable'):.1f} s after power-on")


def test_what_the_client_of_systems_without_an_api_says(guest):
    async def look():
        client = SshClient(
            f"lab@127.0.0.1:{guest.login.port}",
            {"key": str(guest.key), "fingerprint": next(iter(guest.trust.accepted)), "timeout": "60"},
        )
        try:
            before = await client.facts(), await client.health()
            changed = await client.configure("hostname: web2\ndns: [10.99.0.1]\n")
            again = await client.configure("hostname: web2\ndns: [10.99.0.1]\n")
            return before, changed, again, await client.facts()
        finally:
            await client.close()

    (facts, health), changed, again, after = asyncio.run(look())
    assert (facts.system, facts.version, facts.arch, facts.hostname) == ("debian", "12", "x86_64", "web1")
    assert health.ready, health
    assert "+DNS=10.99.0.1" in changed
    assert again == ""
    assert after.hostname == "web2"
    assert "10.99.0.1" in on(guest, "resolvectl", "dns")
