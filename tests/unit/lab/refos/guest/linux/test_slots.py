"""Slots of the real machine, as far as no disk is needed."""

import asyncio

import pytest

from lab.refos.guest.linux.dhcp import DhcpClient
from lab.refos.guest.linux.slots import RaucSlots, check_compatible, reason_of
from lab.refos.guest.linux.store import FileStore
from lab.refos.guest.model import ImageRefused, PlatformError, SlotName


@pytest.mark.parametrize("image", ["", "--handler-args=x", "/etc/passwd", "file:///x", "http://x/\n--y"])
def test_an_image_is_a_url(tmp_path, image):
    slots = RaucSlots(SlotName.A, FileStore(tmp_path))

    async def story(lines):
        async for _ in lines:
            pass

    for lines in (slots.pull(image), slots.upgrade(image), slots.install(image, "/dev/vda", wipe=False)):
        with pytest.raises(ImageRefused, match="no http or https URL"):
            asyncio.run(story(lines))


@pytest.mark.parametrize("disk", ["/dev/null", "/etc/passwd", "vda", "/dev/no-such-disk", "--wipe"])
def test_a_disk_is_a_block_device(tmp_path, disk):
    slots = RaucSlots(None, FileStore(tmp_path))

    async def story():
        async for _ in slots.install("http://192.0.2.1/x", disk, wipe=True):
            pass

    with pytest.raises(PlatformError, match="no block device"):
        asyncio.run(story())


CONFIG = "[system]\ncompatible=refos-arm64\nbootloader=uboot\n"


def test_an_image_for_this_machine():
    check_compatible("http://x", "Compatible: \t'refos-arm64'\nVersion:    \t'1'\n", CONFIG)


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        ("Compatible: 'refos-amd64'\n", "is for refos-amd64, and this machine takes refos-arm64"),
        ("Version: '1'\n", "is for no machine that it names, and"),
    ],
)
def test_an_image_for_another_machine(manifest, reason):
    with pytest.raises(ImageRefused, match=reason):
        check_compatible("http://x", manifest, CONFIG)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            "rauc failed with 1: rauc-Message: 22:24:21.370: Reading bundle: /tmp/x; "
            "rauc-Message: 22:24:21.486: Verifying bundle signature...; signature verification failed: no",
            "signature verification failed: no",
        ),
        (
            "rauc failed with 1: * The requested URL returned error: 404; * Closing connection 0; "
            "Failed to download bundle",
            "Failed to download bundle",
        ),
        ("rauc did not end in 120 s", "rauc did not end in 120 s"),
    ],
)
def test_what_rauc_says_is_wrong(said, reason):
    assert reason_of(said) == reason


@pytest.mark.parametrize("label", ["STATE", "../vda", "no-such"])
def test_only_partitions_of_ours_are_wiped(tmp_path, label):
    with pytest.raises(PlatformError, match="there is no partition"):
        asyncio.run(RaucSlots(None, FileStore(tmp_path)).wipe([label], []))


@pytest.mark.parametrize(
    ("sent", "taken"),
    [("n1.lab", "n1.lab"), ("", None), ("a,DNS:evil", None), ("-x", None), ("a" * 64, None)],
)
def test_a_host_name_of_dhcp_is_looked_at(tmp_path, sent, taken):
    (tmp_path / "eth0").write_text(f"dns=192.0.2.53\nsearch=\nhostname={sent}\n")
    lease = DhcpClient("eth0", tmp_path, lambda: None).lease()
    assert lease.get("hostname") == taken
    assert lease["dns"] == "192.0.2.53"
