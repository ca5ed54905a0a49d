"""`python -m pxe.capture INTERFACE FILE.pcapng [--mac MAC] [--comment TEXT]`: record until SIGTERM.

A process of its own: it lives where the interface is (a network namespace), and takes no time from the
service's interpreter. `ready` on the standard output says that no frame is missed from then on.
"""

import argparse
import signal
import sys
from pathlib import Path

from pxe.capture.bpf import program
from pxe.capture.rack import Rack
from pxe.capture.recorder import PcapFile, Stop, record
from pxe.capture.ring import Ring
from pxe.errors import PxeError
from pxe.plan import normalise_mac


def main() -> int:
    """Record, or say in one line why not."""
    parser = argparse.ArgumentParser(prog="python -m pxe.capture")
    parser.add_argument("interface")
    parser.add_argument(
        "target", type=Path, help="the file, or with --rack the folder of a file for each boot"
    )
    parser.add_argument("--mac", help="frames of this machine, and those to all")
    parser.add_argument("--comment", default="")
    parser.add_argument("--rack", action="store_true", help="a file for each boot of each machine")
    given = parser.parse_args()
    stop = Stop()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        mac = normalise_mac(given.mac) if given.mac else None
        ring = Ring(given.interface, program(mac))
        if given.rack:
            rack = Rack(given.target, given.interface)
            print("ready", flush=True)  # noqa: T201
            rack.run(ring, stop)
        else:
            file = PcapFile(given.target, given.interface, given.comment)
            print("ready", flush=True)  # noqa: T201
            record(ring, file, stop)
    except PxeError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 4
    ring.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
