"""Records real firmware in QEMU against servers that are set up wrong on purpose: tests/data/explain.

    python -m lab.testing.explain.record FOLDER [NAME ...]

As root (a network namespace, a tap, ports 67, 69 and 80). Needs qemu-system-arm and -x86, u-boot-qemu, ovmf,
ipxe, ipxe-qemu, dnsmasq-base, kea-dhcp4-server and debian-installer-12-netboot-amd64 (its shim). Frames that
are long are kept in part, DHCP is kept whole. What the firmware says goes into NAME.txt beside NAME.pcapng.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from lab.testing.debian import file_of

_IN = "BOOTLAB_RECORD_INSIDE"
_MAC, _SERVER = "52:54:00:aa:00:01", "10.99.0.1"
_OVMF = Path("/usr/share/OVMF")
_IPXE = Path("/usr/lib/ipxe")
_SHIM = Path("/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64/bootnetx64.efi")
_UBOOT = ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a53", "-m", "256",
          "-bios", "/usr/lib/u-boot/qemu_arm64/u-boot.bin"]  # fmt: skip
_X86 = ["qemu-system-x86_64", "-M", "q35", "-accel", "tcg", "-m", "512"]
_NO_PXE = {
    "uefi": [],
    "uefi-secure": [],
    "uefi-http": [
        word
        for what in ("IPv4PXESupport", "IPv6PXESupport", "IPv6Support")
        for word in ("-fw_cfg", f"name=opt/org.tianocore/{what},string=n")
    ],
}
_LOCKED = ["-machine", "smm=on", "-global", "driver=cfi.pflash01,property=secure,value=on",
           "-global", "ICH9-LPC.disable_s3=1"]  # fmt: skip


@dataclass(frozen=True)
class Setup:
    """One recording: which firmware, which server with what arguments, which files, and for how long."""

    firmware: str  # uboot, uefi, uefi-http (PXE taken out), uefi-secure (Microsoft's keys) or ipxe
    seconds: float
    dnsmasq: tuple[str, ...] = ()
    kea: str = ""  # JSON of options in the subnet
    files: tuple[str, ...] = ()  # of Debian's ipxe package, under their names or as NAME=FILE; shim
    http: str = ""  # how the HTTP server is wrong, see wrong_http; none: nobody listens
    release: str = ""  # EDK2 of this Debian, and not the installed one


def _over_http(fault: str, name: str = "boot.efi", release: str = "") -> Setup:
    dhcp = (
        "--dhcp-vendorclass=set:http,HTTPClient",
        "--dhcp-option-force=tag:http,60,HTTPClient",
        f"--dhcp-boot=tag:http,http://{_SERVER}/{name}",
    )
    return Setup("uefi-http", 45, dnsmasq=dhcp, http=fault, release=release)


_TFTP = "--enable-tftp"
_BIOS_LOADER = "--dhcp-boot=undionly.kpxe"
SETUPS = {
    "uboot-no-next-server": Setup(
        "uboot", 30, kea='{"boot-file-name": "boot.scr.uimg", "next-server": "0.0.0.0"}'
    ),
    "uboot-file-not-found": Setup("uboot", 20, dnsmasq=("--dhcp-boot=boot.scr.uimg", _TFTP)),
    "uboot-port-blocked": Setup("uboot", 20, dnsmasq=("--dhcp-boot=boot.scr.uimg",)),
    "uefi-nobody-on-4011": Setup(
        "uefi",
        120,
        kea='{"boot-file-name": "ipxe.efi", "next-server": "10.99.0.1", "option-data": '
        '[{"name": "vendor-class-identifier", "data": "PXEClient", "always-send": true}]}',
    ),
    "uefi-no-bootfile": Setup("uefi", 120, dnsmasq=(_TFTP,)),
    "uefi-bios-loader": Setup("uefi", 120, dnsmasq=(_BIOS_LOADER, _TFTP), files=("undionly.kpxe",)),
    "uefi-fine": Setup("uefi", 120, dnsmasq=("--dhcp-boot=snponly.efi", _TFTP), files=("snponly.efi",)),
    "ipxe-loop": Setup("ipxe", 110, dnsmasq=(_BIOS_LOADER, _TFTP), files=("undionly.kpxe",)),
    "http-fine": _over_http("fine"),
    "http-not-found": _over_http("not-found"),
    "http-error": _over_http("forbidden"),
    "http-redirect": _over_http("redirect"),
    "http-no-length": _over_http("no-length"),
    "http-chunked": _over_http("chunked"),
    "http-unknown-type": _over_http("text", "boot"),
    "http-close": _over_http("close"),
    "http-1.0": _over_http("http-1.0"),
    "http-empty-server": _over_http("empty-server"),
    "http-closed-after-head": _over_http("late-close", release="bullseye"),
    "http-cut-short": _over_http("cut"),
    "http-refused": _over_http(""),
    "secure-boot-loader": Setup(
        "uefi-secure", 150, dnsmasq=("--dhcp-boot=snponly.efi", _TFTP), files=("snponly.efi",)
    ),
    "secure-boot-shim": Setup(
        "uefi-secure",
        180,
        dnsmasq=("--dhcp-boot=bootx64.efi", _TFTP),
        files=("bootx64.efi=shim", "grubx64.efi=snponly.efi"),
    ),
}


def main() -> None:
    """Record those named, or all."""
    if _IN not in os.environ:
        again = [sys.executable, "-m", __spec__.name, *sys.argv[1:]]
        for name in sys.argv[2:] or SETUPS:  # inside, there is no network to fetch from
            _firmware_of(SETUPS[name].release)
        argv = ["unshare", "-npmf", "--mount-proc", "--kill-child", *again]
        os.execvpe(argv[0], argv, {**os.environ, _IN: "1"})
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    address = f"ip addr add {_SERVER}/24 dev tap0"
    for command in ("ip link set lo up", "ip tuntap add tap0 mode tap", address, "ip link set tap0 up"):
        subprocess.run(command.split(), check=True)
    for name in sys.argv[2:] or SETUPS:
        record(name, SETUPS[name], folder / f"{name}.pcapng")


def record(fault: str, setup: Setup, path: Path) -> None:
    """Record one firmware against its server, for its time."""
    with tempfile.TemporaryDirectory() as work, ExitStack() as stack:
        place = Path(work)
        place.chmod(0o755)
        for file in setup.files:
            name, _, source = file.partition("=")
            shutil.copy(_SHIM if source == "shim" else _IPXE / (source or name), place / name)
        capture = [sys.executable, "-m", "pxe.capture", "tap0", str(path.absolute()), "--comment", fault]
        recorder = _start(stack, capture, stdout=subprocess.PIPE)
        assert recorder.stdout is not None
        recorder.stdout.readline()
        said = ["-serial", f"file:{path.with_suffix('.txt').absolute()}"]
        _start(stack, [*_qemu(setup.firmware, setup.release, place), *said])
        if setup.http:
            served = [sys.executable, "-m", "lab.testing.explain.wrong_http", setup.http]
            _start(stack, [*served, str(_IPXE / "snponly.efi")])
        time.sleep(0.5)  # Kea leaves out an interface that has no carrier when it starts
        _start(stack, _server(setup, place))
        time.sleep(setup.seconds)


def _start(stack: ExitStack, argv: list[str], stdout: int = subprocess.DEVNULL) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.DEVNULL)
    stack.callback(process.wait, 10)
    stack.callback(process.terminate)
    return process


def _server(setup: Setup, place: Path) -> list[str]:
    if not setup.kea:
        common = ["dnsmasq", "-d", "--port=0", "--interface=tap0", "--dhcp-range=10.99.0.100,10.99.0.200,1h"]
        return [*common, f"--tftp-root={place}", f"--dhcp-leasefile={place}/leases", *setup.dnsmasq]
    subnet = {
        "subnet": "10.99.0.0/24", "pools": [{"pool": "10.99.0.100 - 10.99.0.200"}], **json.loads(setup.kea),
    }  # fmt: skip
    config = {
        "interfaces-config": {"interfaces": ["tap0"]},
        "lease-database": {"type": "memfile", "persist": False},
        "subnet4": [subnet],
    }
    (place / "kea.json").write_text(json.dumps({"Dhcp4": config}))
    folders = [f"KEA_PIDFILE_DIR={place}", f"KEA_LOCKFILE_DIR={place}"]
    return ["env", *folders, "kea-dhcp4", "-c", str(place / "kea.json")]


def _qemu(firmware: str, release: str, place: Path) -> list[str]:
    network = ["-netdev", "tap,id=n0,ifname=tap0,script=no,downscript=no", "-display", "none"]
    if firmware == "uboot":
        return [*_UBOOT, *network, "-device", f"virtio-net-device,netdev=n0,mac={_MAC}"]
    rom = ",romfile=" if firmware.startswith("uefi") else ""
    card = ["-device", f"virtio-net-pci,netdev=n0,mac={_MAC},bootindex=1{rom}"]
    if firmware == "ipxe":
        return [*_X86, "-boot", "n", *network, *card]
    return [
        *_X86,
        *_flash(place, release, secure=firmware == "uefi-secure"),
        *network,
        *card,
        *_NO_PXE[firmware],
    ]


def _firmware_of(release: str) -> Path:
    """The folder of OVMF: of the installed package, or of another Debian's."""
    return file_of("ovmf", release, "usr/share/OVMF/OVMF_CODE_4M.fd").parent if release else _OVMF


def _flash(place: Path, release: str, *, secure: bool) -> list[str]:
    """Firmware and its variables; with secure boot behind system management mode, as OVMF wants it."""
    kind, folder = "secboot.fd" if secure else "fd", _firmware_of(release)
    shutil.copy(folder / ("OVMF_VARS_4M.ms.fd" if secure else "OVMF_VARS_4M.fd"), place / "vars.fd")
    code = f"if=pflash,format=raw,readonly=on,file={folder}/OVMF_CODE_4M.{kind}"
    flash = ["-drive", code, "-drive", f"if=pflash,format=raw,file={place}/vars.fd"]
    return [*flash, *_LOCKED] if secure else flash


if __name__ == "__main__":
    main()
