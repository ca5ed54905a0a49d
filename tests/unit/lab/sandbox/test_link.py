from pathlib import Path

from lab.sandbox import Link


def test_tap():
    link = Link(name="qemu1", kind="tap", interface="tap0")
    assert link.netdev_args() == ("-netdev", "tap,id=net0,ifname=tap0,script=no,downscript=no")


def test_packet_with_a_comma_in_the_path():
    """QEMU would take what follows a single comma for its next option."""
    link = Link(
        name="q", kind="packet", interface="veth0", local=Path("/a,b/l.qemu"), remote=Path("/a,b/l.shim")
    )
    assert link.netdev_args("n1") == (
        "-netdev",
        "dgram,id=n1,local.type=unix,local.path=/a,,b/l.qemu,remote.type=unix,remote.path=/a,,b/l.shim",
    )
