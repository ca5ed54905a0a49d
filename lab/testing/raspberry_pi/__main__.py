"""Boots a simulated Raspberry Pi over the network; prints one JSON object and leaves the files in a folder.

    python -m lab.testing.raspberry_pi --model pi4 --mac dc:a6:32:01:02:03 --serial 9a8b7c6d --out DIR \\
        (--bridge br0 [--impair loss=0.2,reorder=0.05] | --interface eth0)

With --bridge it makes a network namespace of its own whose eth0 is plugged into that bridge (needs root in
the network namespace, as inside a sandbox). Exit code 1 where the Pi would not boot: `failed` says why.
"""

import argparse
import hashlib
import json
import secrets
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute

from lab.sandbox.impairment import Impairment
from lab.testing.raspberry_pi.boot import Loaded, NetworkBoot
from lab.testing.raspberry_pi.dhcp import BootFailed, Bound, DhcpClient
from lab.testing.raspberry_pi.models import MODELS
from lab.testing.raspberry_pi.plug import plug_into
from lab.testing.raspberry_pi.tftp import TftpClient


def main() -> int:
    """Run one boot."""
    options = _parse()
    bad = Impairment.of_words(options.impair.split(",")) if options.impair else None
    interface = options.interface or plug_into(options.bridge, options.mac, impairment=bad)
    model, serial = MODELS[options.model], int(options.serial, 16)
    if options.file_timeout:
        model = replace(model, file_timeout=options.file_timeout)
    report: dict[str, Any] = {"model": model.name}
    tftp: TftpClient | None = None
    try:
        xid = secrets.randbits(32)
        bound = DhcpClient(model, interface, serial, xid, options.scale).run()
        _configure(interface, bound)
        report |= {"address": str(bound.address), "server": str(bound.server)}
        tftp = TftpClient(
            model, bound.server, options.scale, interface=interface, rollover=not options.no_rollover
        )
        report |= _describe(NetworkBoot(model, serial, tftp).run(), options.out)
    except BootFailed as exc:
        report["failed"] = str(exc)
    report["requests"] = tftp.requests if tftp is not None else []
    sys.stdout.write(json.dumps(report) + "\n")
    return 1 if "failed" in report else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.testing.raspberry_pi")
    parser.add_argument("--model", choices=sorted(MODELS), required=True)
    parser.add_argument("--mac", required=True)
    parser.add_argument("--serial", required=True, help="8 hexadecimal digits")
    parser.add_argument("--out", type=Path, required=True, help="folder for the files that it fetched")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies its waits")
    parser.add_argument("--no-rollover", action="store_true", help="an EEPROM from before 2025-09-23")
    parser.add_argument("--file-timeout", type=float, help="TFTP_FILE_TIMEOUT of its EEPROM, in seconds")
    parser.add_argument(
        "--impair", default="", help="what its cable does, as lab.sandbox.Impairment's fields"
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--bridge", help="plug a namespace of its own into this bridge")
    where.add_argument("--interface", help="use this interface of the present namespace")
    return parser.parse_args()


def _configure(interface: str, bound: Bound) -> None:
    with IPRoute() as ip:
        index = ip.link_lookup(ifname=interface)[0]
        ip.addr("replace", index=index, address=str(bound.address), prefixlen=bound.prefix)


def _describe(loaded: Loaded, out: Path) -> dict[str, Any]:
    out.mkdir(parents=True, exist_ok=True)
    files = {}
    for name, data in loaded.files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        files[name] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    roles = ("kernel", "initramfs", "device_tree", "cmdline", "overlays", "prefix")
    return {"files": files, **{role: getattr(loaded, role) for role in roles}}


sys.exit(main())
