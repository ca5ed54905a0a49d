"""The Debian guest, netbooted and configured by our NoCloud seed, to log in at: docs/plain-hosts.md.

usage: python -m lab.testing.debianguest [--cloud-init] [--folder DIR]
"""

import argparse
import sys
from pathlib import Path

import click

from lab.errors import LabError
from lab.testing.debianguest.boot import Wish, booted_guest
from lab.testing.foreground import asked_to_end


def main() -> int:
    """Run it until Ctrl-C; the folder gets `id_ed25519` and `console.txt`."""
    parser = argparse.ArgumentParser(prog="python -m lab.testing.debianguest", description=__doc__)
    parser.add_argument("--cloud-init", action="store_true", help="configured by the real cloud-init")
    parser.add_argument("--folder", type=Path, default=Path("guest"), help="must be new")
    args = parser.parse_args()
    over = asked_to_end()
    try:
        args.folder.mkdir(parents=True)
        folder = args.folder.absolute()
        with booted_guest(folder, Wish(cloud_init=args.cloud_init)) as guest:
            (folder / "console.txt").write_text(guest.console)
            for fingerprint in sorted(guest.trust.accepted):
                click.echo(f"{guest.login} {fingerprint} up after {guest.seconds('ready'):.0f} s")
            over.wait()
    except (LabError, OSError) as exc:
        click.echo(f"debianguest: {exc}", err=True)
        return 4
    return 0


sys.exit(main())
