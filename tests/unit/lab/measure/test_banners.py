import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.measure.banners import banners

CONSOLE = Path(__file__).parents[3] / "data" / "run-debian-installer" / "console" / "000.cast"
UBOOT = "U-Boot 2023.01+dfsg-2+deb12u3 (Jun 22 2026 - 08:38:07 +0000)"


def recorded() -> bytes:
    lines = [json.loads(line) for line in CONSOLE.read_text().splitlines()[1:]]
    return "".join(text for _, kind, text in lines if kind == "o").encode()


def test_a_recorded_boot():
    assert banners(recorded()) == (UBOOT, "6.1.0-50-arm64")


@pytest.mark.parametrize(
    ("console", "told"),
    [
        (b"", ("", "")),
        (
            b"\x1b[2J\r\nU-Boot SPL 2022.04 (May 1)\r\nTrying MMC\r\n\r\nU-Boot 2022.04 (May 1)\r\n",
            ("U-Boot SPL 2022.04 (May 1); U-Boot 2022.04 (May 1)", ""),
        ),
        (
            b"SeaBIOS (version 1.16.2-debian-1.16.2-1)\r\niPXE 1.21.1 -- Open Source Network Boot Firmware",
            ("SeaBIOS (version 1.16.2-debian-1.16.2-1); iPXE 1.21.1", ""),
        ),
        (
            b"UEFI firmware (version 2022.11-6 built at 11:12:13)\r\n[    0.000000] Linux version 6.1.0 (g\n",
            ("UEFI firmware (version 2022.11-6 built at 11:12:13)", "6.1.0"),
        ),
        (  # a PC whose EDK2 says nothing of itself
            b"BdsDxe: starting\r\n[ 0.0] Linux version 6.1.0-9-amd64 (d\r\n"
            b"[ 0.0] DMI: QEMU Standard PC (Q35 + ICH9, 2009), BIOS 2022.11-6 02/02/2023\r\n",
            ("2022.11-6 02/02/2023", "6.1.0-9-amd64"),
        ),
        (  # what the running system prints is no banner
            b"U-Boot 2023.01\r\n[ 0.0] Linux version 6.1.0\r\nU-Boot 2024.01 is in the package\r\n",
            ("U-Boot 2023.01", "6.1.0"),
        ),
        (b"NOTICE:  BL31: v2.8(release):v2.8\r\n\r\nU-Boot 2023.07\r\n", (
            "NOTICE: BL31: v2.8(release):v2.8; U-Boot 2023.07", "")),
        (b"\x1b[0mGNU GRUB  version 2.06-13\r\n", ("GNU GRUB version 2.06-13", "")),
        (b"U-Boot 2023.01\r\nresetting\r\nU-Boot 2023.01\r\n", ("U-Boot 2023.01", "")),
    ],
    ids=["silence", "spl", "bios", "edk2", "dmi", "later", "tf-a", "grub", "reset"],
)  # fmt: skip
def test_firmware_and_kernel(console, told):
    assert banners(console) == told


@given(
    st.lists(
        st.sampled_from([b"U-Boot 2023.01", b"\n", b"\x1b[", b"Linux version ", b"x" * 200]) | st.binary()
    )
)
def test_whatever_a_console_says_is_short_and_printable(parts):
    firmware, kernel = banners(b"".join(parts))
    assert len(firmware) <= 4 * 122
    assert len(kernel) <= 120
    assert not any(char in "\n\r\x1b\x00\u202e" for char in firmware + kernel)
