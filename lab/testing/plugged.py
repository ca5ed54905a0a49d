"""Run a command as a machine of its own: in a fresh network namespace that is plugged into the bridge.

usage: python -m lab.testing.plugged [--cable WORDS] BRIDGE,MAC[,ADDRESS/PREFIX] ... COMMAND ...

One word for each interface, eth0 first; the command's own first word has no comma. Inside a sandbox; the
cables go away with the command. Other servers run so, too: two cannot share the port of one namespace.
`--cable loss=0.2,seed=3` or `--cable fault=stalled,protocol=http` makes eth0's a bad one.
"""

import os
import subprocess
import sys
from ipaddress import IPv4Interface

from pyroute2 import IPRoute

from lab.sandbox.lossy import fault_of_words
from lab.testing.raspberry_pi.plug import plug_into


def main() -> int:
    """Plug in, then become the command, or (the cable is carried by threads here) its parent."""
    words = sys.argv[1:]
    bad = None
    if words[0] == "--cable":
        bad = fault_of_words(words[1].split(","))
        words = words[2:]
    legs: list[list[str]] = []
    while words and "," in words[0]:
        legs.append(words.pop(0).split(","))
    first, *more = [(bridge, mac) for bridge, mac, *_ in legs]
    plug_into(*first, *more, impairment=bad)
    with IPRoute() as ip:
        for number, (_bridge, _mac, *address) in enumerate(legs):
            if address:
                given = IPv4Interface(address[0])
                (index,) = ip.link_lookup(ifname=f"eth{number}")
                ip.addr("add", index=index, address=str(given.ip), prefixlen=given.network.prefixlen)
    if bad is not None:
        return subprocess.run(words).returncode
    os.execvp(words[0], words)


sys.exit(main())
