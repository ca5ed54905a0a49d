"""Which changes apply at once, and which need a reboot (ApplyConfiguration's mode AUTO).

refos's own rule, close to Talos's up to 1.13: networks, names, time, sysctls, logs and the event sink change
at once; whom the node trusts and what it is, with a reboot. `machine.install` is for the next installation.
"""

from lab.machineconfig.config import MachineConfig
from lab.machineconfig.views import at

_AT_BOOT = ("version", "machine.type", "machine.token", "machine.ca", "machine.acceptedCAs")


def reboot_reasons(old: MachineConfig, new: MachineConfig) -> tuple[str, ...]:
    """Return a sentence for each change that needs a reboot; empty where all can be applied at once.

    A node without a complete config (maintenance) needs none: it has trusted nobody so far.
    """
    if not old.complete:
        return ()
    found = [f"{path} changes" for path in _AT_BOOT if at(old, *path.split(".")) != at(new, *path.split("."))]
    gone = sorted(old.sysctls.keys() - new.sysctls.keys())
    found += [f"machine.sysctls.{key} goes away, and only the kernel knows what it was" for key in gone]
    return tuple(found)
