"""Nodes with the real sshd to try `bootlab node --ssh` on: docs/ssh.md. Only root can make them.

usage: python -m lab.testing.sshnodes [--count N] [--system debian|fcos|flatcar] [--folder DIR]
"""

import argparse
import contextlib
import sys
from pathlib import Path

import click

from lab.errors import LabError
from lab.sandbox import Sandbox
from lab.sandbox.forward import forwarded
from lab.testing.foreground import asked_to_end
from lab.testing.sshnodes import SYSTEMS, ssh_nodes


def main() -> int:
    """Run them until Ctrl-C; the folder gets `id_ed25519` and `known_hosts`."""
    parser = argparse.ArgumentParser(prog="python -m lab.testing.sshnodes", description=__doc__)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--system", choices=SYSTEMS, default="debian")
    parser.add_argument("--folder", type=Path, default=Path("nodes"), help="must be new")
    args = parser.parse_args()
    over = asked_to_end()
    try:
        args.folder.mkdir(parents=True)
        folder = args.folder.absolute()
        with contextlib.ExitStack() as stack:
            sandbox = stack.enter_context(Sandbox.create())
            hosts = stack.enter_context(ssh_nodes(sandbox, folder, args.count, args.system))
            known = (folder / "known_hosts").open("w")
            with known:
                for host in hosts:
                    port = stack.enter_context(forwarded(sandbox, host.login.host, 22))
                    public = host.known.partition(" ")[2]
                    known.write(f"[127.0.0.1]:{port} {public}")
                    click.echo(f"{host.name} core@127.0.0.1:{port} {next(iter(host.trust.accepted))}")
            over.wait()
    except (LabError, OSError) as exc:
        click.echo(f"sshnodes: {exc}", err=True)
        return 4
    return 0


sys.exit(main())
