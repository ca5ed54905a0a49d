"""`python -m lab.testing.vendors NAME --listen ADDRESS:PORT`: run one stand-in until Ctrl-C."""

import argparse
import signal
import sys

import click

from lab.registry import load
from lab.testing.vendors import VENDORS
from lab.testing.vendors.server import Faults, VendorServer


def main() -> None:
    """Say where it listens, in one line, once it does; exit code 4 where it cannot."""
    parser = argparse.ArgumentParser(prog="python -m lab.testing.vendors", description=__doc__)
    of_each = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    classes = {name: load(target) for name, target in VENDORS.items()}
    for name, vendor in classes.items():
        one = of_each.add_parser(name, help=(vendor.__doc__ or "").partition("\n")[0])
        one.add_argument("--listen", default="127.0.0.1:8001", metavar="ADDRESS:PORT")
        one.add_argument("--cut-after", type=int, default=0, metavar="BYTES", help="cut every longer body")
        one.add_argument("--stall", action="store_true", help="with --cut-after: stall there instead")
        one.add_argument("--cuts", type=int, default=None, metavar="N", help="so often only")
        vendor.options(one)  # type: ignore[attr-defined]  # each is a Vendor
    given = vars(parser.parse_args())
    name, listen = given.pop("name"), given.pop("listen")
    faults = Faults(**{word: given.pop(word) for word in ("cut_after", "cuts", "stall")})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # by way of what must be tidied up
    address, _, port = listen.rpartition(":")
    if not port.isdigit():
        parser.error(f"--listen {listen}: write it like 127.0.0.1:8001")
    try:
        server = VendorServer(classes[name](**given), address or "127.0.0.1", int(port))
    except OSError as exc:
        click.echo(f"{listen}: {exc.strerror}", err=True)
        sys.exit(4)
    server.faults = faults
    with server:
        click.echo(f"a stand-in for {name} at {server.url}; Ctrl-C ends it")
        try:
            server.wait()
        except KeyboardInterrupt:
            click.echo("ended", err=True)


if __name__ == "__main__":
    main()
