"""Real firmware against servers that were set up wrong, and right: tests/data/README.md says how."""

from pathlib import Path

import pytest

from lab.console.clean import Cleaner
from pxe.explain import Evidence, explain
from pxe.explain.capture import read
from pxe.explain.evidence import Line
from pxe.explain.progress import summary

DATA = Path(__file__).parents[3] / "data"

# recording -> the rules that speak, and a sentence of it
EXPECTED = {
    # EDK2's HTTP boot against a server that is wrong in one way; 2022.11 takes three that others do not
    "explain/http-fine.pcapng": ("", "fetched /boot.efi (284672 bytes)"),
    "explain/http-chunked.pcapng": ("", "fetched /boot.efi"),
    "explain/http-1.0.pcapng": ("", "fetched /boot.efi (284672 bytes)"),
    "explain/http-closed-after-head.pcapng": (
        "http-closed-after-head",
        "the GET of UefiHttpBoot/1.0 is lost",
    ),
    "explain/http-empty-server.pcapng": ("", "fetched /boot.efi (284672 bytes)"),
    "explain/http-not-found.pcapng": ("http-not-found", "http://10.99.0.1/boot.efi does not exist"),
    "explain/http-error.pcapng": ("http-error", "10.99.0.1 answers 403 Forbidden"),
    "explain/http-redirect.pcapng": ("http-redirect", "UefiHttpBoot/1.0 does not follow"),
    "explain/http-no-length.pcapng": ("http-no-length", "without Content-Length"),
    "explain/http-unknown-type.pcapng": ("http-unknown-type", "its Content-Type is text/plain"),
    "explain/http-cut-short.pcapng": ("http-cut-short", "after 20126 of 284672 bytes"),
    "explain/http-refused.pcapng": ("http-refused", "10.99.0.1:80: the connection is refused"),
    "explain/ipxe-loop.pcapng": ("ipxe-loop", "is handed undionly.kpxe again, itself"),
    "explain/uboot-file-not-found.pcapng": ("file-not-found", "asked 10.99.0.1 for boot.scr.uimg"),
    "explain/uboot-no-next-server.pcapng": ("no-next-server", "siaddr is 0.0.0.0"),
    "explain/uboot-port-blocked.pcapng": ("tftp-port-blocked", "10.99.0.1:69 is closed or unreachable"),
    "explain/uefi-bios-loader.pcapng": ("bios-loader-to-uefi", "was handed undionly.kpxe"),
    "explain/uefi-nobody-on-4011.pcapng": ("nobody-on-4011", "on port 4011 and nobody listens there"),
    "explain/uefi-no-bootfile.pcapng": (
        "no-bootfile",
        "was given 10.99.0.102 by 10.99.0.1 and no file to boot",
    ),
    "explain/uefi-fine.pcapng": ("", "fetched snponly.efi (284672 bytes)"),
    "dhcp-uboot-2023.01.pcap": ("no-bootfile", "no file to boot"),
    "firmware-edk2-arm64-pxe.pcap": (
        "file-not-found",
        "",
    ),  # its DATA is filtered out: nothing arrives after it
    "firmware-edk2-x64-pxe.pcap": ("", "got 10.99.0.195"),
    "firmware-edk2-x64-4011.pcap": ("nobody-on-4011", "asks 10.99.0.2 on port 4011"),
    "firmware-ipxe-tftp.pcap": ("", "got 10.99.0.185"),
    "firmware-edk2-x64-http.pcap": ("", "got 10.99.0.149"),
    "firmware-ipxe-rom.pcap": ("", "got 10.99.0.185"),
    "firmware-uboot-2023.01.pcap": ("", "got 10.99.0.174"),
    "firmware-edk2-x64-unanswered.pcap": ("no-offer-to-anybody", "sent 4 DISCOVERs"),
    "firmware-ipxe-unanswered.pcap": ("no-offer-to-anybody", "sent 4 DISCOVERs"),
    "firmware-uboot-2023.01-unanswered.pcap": ("no-offer-to-anybody", "sent 28 DISCOVERs"),
    "firmware-ipxe-lease-only.pcap": ("no-bootfile", "iPXE was given 10.99.0.207"),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_real_firmware_is_told_apart(name):
    rule, text = EXPECTED[name]
    capture = read(DATA / name)
    assert capture.faults == ()
    (evidence,) = capture.machines.values()
    findings = explain(evidence)
    assert {finding.rule for finding in findings} == ({rule} if rule else set())
    assert text in (findings[0].sentence if findings else summary(evidence))


# what firmware with Microsoft's keys said of a loader without a signature
CONSOLES = {
    "explain/secure-boot-loader.txt": 'BdsDxe: failed to load Boot0001 "UEFI PXEv4 (MAC:525400AA0001)"',
    "explain/secure-boot-shim.txt": "Verification failed: (0x1A) Security Violation",
}


@pytest.mark.parametrize("name", CONSOLES)
def test_what_real_firmware_says_of_secure_boot(name):
    said = Cleaner().feed((DATA / name).read_bytes()).decode("latin-1")
    lines = tuple(Line(t_ns=at, text=text) for at, text in enumerate(said.splitlines()))
    found = next(f for f in explain(Evidence(mac="52:54:00:aa:00:01", console=lines)))
    assert found.rule == "secure-boot"
    assert found.sentence.startswith(f"Secure boot refuses what was loaded: {CONSOLES[name]}")
    assert len(found.sentence) < 250


def test_every_recording_of_a_fault_is_in_the_table():
    known = {*EXPECTED, *CONSOLES}
    assert {str(path.relative_to(DATA)) for path in DATA.glob("explain/*")} <= known
