"""ISC dhclient: another implementation, with its own idea of when to ask for what."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.interop

BOARD = "52:54:00:00:02:01"
SCRIPT = """#!/bin/sh
case $reason in
BOUND | RENEW | REBIND | REBOOT) busybox ip address replace "$new_ip_address/24" dev eth0 ;;
RELEASE | EXPIRE | FAIL) busybox ip address flush dev eth0 ;;
PREINIT) busybox ip link set eth0 up ;;
esac
echo "script: $reason $new_ip_address $new_filename $new_dhcp_server_identifier"
"""


@pytest.fixture
def words(dhclient: str, network) -> list[str]:
    """The command, with all its files in a folder of its own."""
    folder: Path = network.folder / "dhclient"
    folder.mkdir()
    script = folder / "script.sh"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    config = folder / "dhclient.conf"
    config.write_text("request subnet-mask, routers;\n")
    files = ["-sf", script, "-cf", config, "-lf", folder / "leases", "-pf", folder / "pid"]
    return [dhclient, "-v", *map(str, files)]


def test_gets_renews_by_itself_and_releases(network, words):
    server = network.serve({BOARD: "10.99.0.70"}, lease_seconds=8)
    release = " ".join([*words, "-r", "eth0"])
    client = network.machine(BOARD, "sh", "-c", f"{' '.join(words)} -1 eth0; read go; {release}; echo gone")
    assert client.line_with("script: BOUND").split()[2:] == ["10.99.0.70", "boot.scr.uimg", "10.99.0.1"]
    first = server.leases()[BOARD]
    server.event("dhcp-sent", message="ACK")
    server.event("dhcp-sent", message="ACK")  # T1 is after half of eight seconds
    assert server.leases()[BOARD].expires > first.expires
    client.type("go")
    client.line_with("gone")
    server.event("dhcp-received", message="RELEASE")


def test_init_reboot_after_our_restart(network, words):
    server = network.serve({BOARD: None})
    start = [*words, "-1", "-d", "eth0"]
    client = network.machine(BOARD, *start)
    ip = client.line_with("script: BOUND").split()[2]
    client.line_with("bound to")
    client.end()
    server.end("kill")

    server = network.serve({BOARD: None})
    client = network.machine(BOARD, *start)  # finds its leases file, and asks for the address again
    assert client.line_with("script: REBOOT").split()[2] == ip
    assert server.event("dhcp-received", mac=BOARD)["message"] == "REQUEST"
    assert server.event("dhcp-sent", mac=BOARD)["message"] == "ACK"
