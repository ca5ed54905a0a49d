"""The servers of bench.conformance: ours, dnsmasq and Kea, with the same files and boot programs.

dnsmasq and Kea have no HTTP: nginx stands beside them; Kea has no TFTP: tftpd-hpa does.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench.dhcp_peers import kea_program
from bench.tftp_peers import fetch_hpa
from lab.testing.firmware.__main__ import make_plan
from lab.testing.firmware.kinds import Seat
from lab.testing.firmware.service import Net, inside, own_network, serve, site
from pxe.boot.loaders import Loaders
from pxe.boot.uimage import script_image

GRUB = "debian-installer/arm64/grub"
LINES = b"one\ntwo\n"
NETS = {"bootlab": 79, "dnsmasq": 80, "Kea": 81}


def make_files(folder: Path) -> dict[str, Any]:
    """Everything that anybody asks for, in `folder`/root; returns our plan, with the same files."""
    plan = make_plan(folder, 1)
    root, tree = folder / "root", folder / "tree"
    (tree / "dtb").mkdir()
    shutil.copytree(tree, root)
    loaders = Loaders()
    for kind in ("bios", "x86_64", "arm64"):
        shutil.copy(loaders.of(kind).path, root)
    shutil.copy(loaders.of("arm64").path.with_name("grubaa64.efi"), root)
    (root / "boot.ipxe").write_text("#!ipxe\nkernel kernel\nboot\n")
    (root / "boot.scr.uimg").write_bytes(script_image("tftpboot ${kernel_addr_r} kernel\n"))
    (root / "config.txt").write_text("kernel=kernel\n")
    (root / GRUB).mkdir(parents=True)
    (root / GRUB / "grub.cfg").write_text("linux /kernel\n")
    shutil.copy(folder / "kernel", root / "kernel")
    own = {"lines.txt": LINES, "exact": bytes(1024), "large": bytes(8 * 65536 + 5)}
    for name, data in own.items():
        (root / name).write_bytes(data)
    return {**plan, "files": [{"path": str(root / name)} for name in own]}


@contextmanager
def server(name: str, folder: Path, plan: dict[str, Any], seats: list[Seat]) -> Iterator[Net]:
    """Run one of them in namespaces of its own."""
    with own_network(NETS[name]) as network, ExitStack() as stack:
        own = folder / name
        own.mkdir()
        if name == "bootlab":
            stack.enter_context(serve(network, site(seats, plan, network.address, own), own))
        else:
            root = folder / "root"
            commands = {"dnsmasq": dnsmasq, "Kea": kea}[name](network, own, root)
            for command in [nginx(network, own, root), *commands]:
                stack.enter_context(running([*inside(network.server), *command], own))
            time.sleep(1.5)  # none of them says when it serves
        yield network


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[None]:
    env = {**os.environ, "KEA_PIDFILE_DIR": str(folder), "KEA_LOCKFILE_DIR": str(folder)}
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)
    try:
        yield
        if process.poll() is not None:
            sys.exit(f"{command[5]} ended: {(folder / 'log').read_text()[-800:]}")
    finally:
        process.terminate()
        process.wait(20)


def nginx(network: Net, folder: Path, root: Path) -> list[str]:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log; user root; events {{}}"
        f"http {{ access_log off; {places} server {{ listen {network.address}:80; root {root}; }} }}"
    )
    return ["nginx", "-e", f"{folder}/nginx.log", "-c", f"{folder}/nginx.conf"]


def dnsmasq(network: Net, folder: Path, root: Path) -> list[list[str]]:
    """As its manual and the usual recipes have it; the Pi by the menu entry that its ROM looks for."""
    here, prefix = network.address, network.address.rpartition(".0.1")[0]
    lines = [
        *("keep-in-foreground", "port=0", "user=root", "interface=server", "bind-interfaces", "no-ping"),
        *(
            "dhcp-authoritative",
            f"dhcp-range={prefix}.1.0,{prefix}.9.255,1h",
            f"dhcp-leasefile={folder}/leases",
        ),
        *("enable-tftp", f"tftp-root={root}", "log-dhcp", "log-facility=-"),
        *(f"dhcp-mac=set:pi,{mac}:*:*:*" for mac in ("b8:27:eb", "dc:a6:32", "2c:cf:67")),
        "dhcp-userclass=set:ipxe,iPXE",
        "dhcp-vendorclass=set:uboot,U-Boot",
        *(f"dhcp-match=set:{tag},option:client-arch,{arch}" for tag, arch in _TAGS.items()),
        f"dhcp-boot=tag:ipxe,http://{here}/boot.ipxe",
        "dhcp-option=tag:ipxe,encap:175,176,1b",
        f"dhcp-boot=tag:http,tag:!ipxe,http://{here}/ipxe.efi",
        "dhcp-option-force=tag:http,60,HTTPClient",
        "dhcp-boot=tag:bios,tag:!ipxe,tag:!pi,undionly.kpxe",
        "dhcp-boot=tag:x64,tag:!ipxe,ipxe.efi",
        "dhcp-boot=tag:arm64,bootnetaa64.efi",
        "dhcp-boot=tag:uboot,boot.scr.uimg",
        'pxe-service=tag:pi,0,"Raspberry Pi Boot"',
    ]
    (folder / "dnsmasq.conf").write_text("\n".join(lines) + "\n")
    return [["dnsmasq", f"--conf-file={folder}/dnsmasq.conf"]]


_TAGS = {"bios": 0, "x64": 7, "arm64": 11, "http": 16}


def kea(network: Net, folder: Path, root: Path) -> list[list[str]]:
    """Classes by options 77, 60 and 93; options 60 and 43 are sent where the firmware needs them."""
    here, prefix = network.address, network.address.rpartition(".0.1")[0]
    arch = "option[93].hex == 0x{:04x}"
    pi = " or ".join(f"substring(pkt4.mac, 0, 3) == 0x{mac}" for mac in ("b827eb", "dca632", "2ccf67"))
    ipxe = "substring(option[77].hex, 0, 4) == 'iPXE'"
    not_ipxe = f"not ({ipxe}) and "
    menu = "0601030a04005058450914000011" + b"Raspberry Pi Boot".hex() + "ff"
    classes = [
        ("ipxe", ipxe, f"http://{here}/boot.ipxe", [_forced(175, "b00101")]),
        ("pi", f"not ({ipxe}) and ({pi})", "", [_forced(60, b"PXEClient".hex()), _forced(43, menu)]),
        ("bios", f"{not_ipxe}{arch.format(0)} and not ({pi})", "undionly.kpxe", []),
        ("x64", not_ipxe + arch.format(7), "ipxe.efi", []),
        ("arm64", not_ipxe + arch.format(11), "bootnetaa64.efi", []),
        ("http", not_ipxe + arch.format(16), f"http://{here}/ipxe.efi", [_forced(60, b"HTTPClient".hex())]),
        ("uboot", "substring(option[60].hex, 0, 6) == 'U-Boot'", "boot.scr.uimg", []),
    ]
    config = {
        "Dhcp4": {
            "interfaces-config": {"interfaces": ["server"], "dhcp-socket-type": "raw"},
            "lease-database": {"type": "memfile", "persist": True, "name": f"{folder}/kea.csv"},
            "valid-lifetime": 3600,
            "authoritative": True,
            "option-def": [{"name": "etherboot", "code": 175, "type": "binary", "space": "dhcp4"}],
            "next-server": here,
            "client-classes": [
                {"name": name, "test": test, "boot-file-name": file, "option-data": options}
                for name, test, file, options in classes
            ],
            "subnet4": [
                {"id": 1, "subnet": f"{prefix}.0.0/16", "pools": [{"pool": f"{prefix}.1.0 - {prefix}.9.255"}]}
            ],
            "loggers": [{"name": "kea-dhcp4", "severity": "WARN", "output_options": [{"output": "stderr"}]}],
        }
    }
    (folder / "kea.json").write_text(json.dumps(config))
    words = ["--foreground", "--ipv4", "--address", f"{here}:69", "--user", "root", "--secure", str(root)]
    return [[kea_program(), "-c", f"{folder}/kea.json"], [fetch_hpa(), *words]]


def _forced(code: int, data: str) -> dict[str, Any]:
    return {"code": code, "space": "dhcp4", "csv-format": False, "data": data, "always-send": True}
