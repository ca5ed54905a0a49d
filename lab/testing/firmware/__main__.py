"""Plays a rack of machines against a running boot service; prints progress, and what came of each machine.

    python -m lab.testing.firmware rack --machines 42 --interface IF     # in the present network namespace
    python -m lab.testing.firmware rack --machines 42 --bridge br0       # in one of its own, plugged into br0
    python -m lab.testing.firmware rack --machines 42 --serve            # with a service of its own (root)
    python -m lab.testing.firmware site --machines 42                    # a site file for such a rack

Exit code 1 where a machine without a fault did not come up, or one with a fault did.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from lab.testing.firmware.kinds import FAULTS, KINDS, Seat, seats
from lab.testing.firmware.rack import MIB, Rack, expected, fail, summary
from lab.testing.firmware.service import RACK_INTERFACE, inside, own_network, serve, site

_NET = 76
_DEFAULT = "edk2,ipxe,uboot,edk2-http,pi4,bios"


def main() -> int:
    """Run the command."""
    options = _parse()
    try:
        rack = seats(options.machines, options.kinds.split(","), options.fail)
    except ValueError as exc:
        return fail(str(exc))
    if options.command == "site":
        with tempfile.TemporaryDirectory() as name:
            made = site(rack, {"kernel": {"path": options.kernel}}, f"10.{_NET}.0.1", Path(name))
        click.echo(json.dumps(made, indent=1))
        return 0
    if options.serve:
        return _with_service(rack, options)
    try:
        interface = options.interface or _plug(options.bridge)
        wanted = Rack(
            rack, interface, options.seed, options.scale, options.stagger, options.seconds, options.json
        )
        result = wanted.run()
    except OSError as exc:
        return fail(str(exc))
    click.echo(json.dumps(result) if options.json else summary(result))
    return 0 if expected(result) else 1


def _parse() -> argparse.Namespace:
    told = "\n".join(f"  {name}: {what}" for name, what in FAULTS.items())
    parser = argparse.ArgumentParser(
        prog="python -m lab.testing.firmware",
        description=__doc__,
        epilog=f"kinds: {', '.join(KINDS)}\nreasons of --fail:\n{told}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=("rack", "site"))
    parser.add_argument("--machines", type=int, default=42, help="how many; default: 42")
    parser.add_argument("--kinds", default=_DEFAULT, help=f"in turn; default: {_DEFAULT}")
    parser.add_argument("--fail", action="append", default=[], metavar="MACHINE=REASON", help="number or MAC")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="multiplies every wait of the firmware; default: 1"
    )
    parser.add_argument(
        "--stagger", type=float, default=0.0, help="seconds between one power-on and the next; default: 0"
    )
    parser.add_argument("--seconds", type=float, default=300.0, help="give up after so many; default: 300")
    parser.add_argument(
        "--seed", type=int, default=0, help="the same seed, the same xids and waits; default: 0"
    )
    parser.add_argument("--json", action="store_true", help="the result as JSON, and no progress")
    parser.add_argument("--kernel", default="kernel", help="of the site file: its path")
    parser.add_argument("--size", type=int, default=16, help="MiB of the kernel, with --serve; default: 16")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--interface", help="of the present network namespace, which should be a private one")
    where.add_argument("--bridge", help="plug a namespace of its own into this bridge")
    where.add_argument("--serve", action="store_true", help="a service of its own, in namespaces of its own")
    options = parser.parse_args()
    if options.command == "rack" and not (options.interface or options.bridge or options.serve):
        parser.error("say where: --interface, --bridge or --serve")
    return options


def _plug(bridge: str) -> str:
    from lab.testing.raspberry_pi.plug import plug_into

    return plug_into(bridge, "02:00:00:00:00:02")


def _with_service(rack: list[Seat], options: argparse.Namespace) -> int:
    """The same command once more, in the rack's namespace, while a service runs in the other."""
    with tempfile.TemporaryDirectory(prefix="bootlab-rack-") as name, own_network(_NET) as network:
        folder = Path(name)
        folder.chmod(0o755)
        described = site(rack, make_plan(folder, options.size), network.address, folder)
        with serve(network, described, folder):
            if not options.json:
                click.echo(f"the service's API: {folder}/api.sock, its log: {folder}/log")
            words = [word for word in sys.argv[1:] if word != "--serve"]
            again = [sys.executable, "-m", "lab.testing.firmware", *words, "--interface", RACK_INTERFACE]
            return subprocess.run([*inside(network.rack), *again]).returncode


def make_plan(folder: Path, mib: int) -> dict[str, Any]:
    """A plan with a kernel of so many MiB that is one to look at, and the loaders of this host."""
    kernel, block = folder / "kernel", random.Random(0).randbytes(MIB)
    with kernel.open("wb") as file:
        for _ in range(mib):
            file.write(block)
        file.seek(0x1FE)  # the header of a bzImage, boot protocol 2.15 with an EFI stub
        file.write(b"\x55\xaa\xeb\x66HdrS\x0f\x02")
    tree = folder / "tree"
    tree.mkdir()
    for name in ("bootcode.bin", "start.elf", "fixup.dat", "start4.elf", "fixup4.dat"):
        (tree / name).write_bytes(name.encode() * 3000)
    for name in ("bcm2710-rpi-3-b.dtb", "bcm2711-rpi-4-b.dtb", "bcm2712-rpi-5-b.dtb"):
        (tree / name).write_bytes(b"\xd0\x0d\xfe\xed" + bytes(30_000))
    return {"kernel": {"path": str(kernel)}, "tree": str(tree)}


if __name__ == "__main__":
    sys.exit(main())
