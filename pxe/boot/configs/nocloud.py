"""The seed that cloud-init reads over HTTP: four names below one URL.

The kernel argument is `ds=nocloud;s=URL/` since cloud-init 23, and `ds=nocloud-net;s=URL/` before (22.4.2 of
Debian 12 takes the first for a local seed) and, deprecated, after; what is asked for is the same.
"""

import json

from pxe.plan import Machine

SEEDS = ("user-data", "meta-data", "vendor-data", "network-config")


def default_seed(seed: str, machine: Machine) -> str:
    """Return what is served where the plan has no config of that name.

    Empty and not 404 for the optional ones: cloud-init 22.4.2 asks eleven times, a second apart, before it
    takes 404 for an answer. The instance-id is the same at each boot: a new one would make an installed
    system configure itself again.
    """
    if seed != "meta-data":
        return ""
    dashed = machine.mac.replace(":", "-")
    # JSON is YAML in which nothing is taken for a number, a date or an octal
    return json.dumps({"instance-id": dashed, "local-hostname": machine.name or dashed}) + "\n"
