"""The machine config of a node: YAML documents -> checked values; patches; differences.

Pure: imports yaml and the standard library only, because the guest of refos runs it too.

    config = load(text)                  # ConfigFaults with every fault at once
    changed = merge(config, text)        # ConfigFaults where this patch does not apply
    text = patch(text, other)            # the same for a node that knows more than refos: no key is unknown
    ForeignConfig.read(text).patched(other)   # that in two steps, for who compares
    print(difference(config, changed))   # secrets masked; "" where nothing changes
    reasons = reboot_reasons(config, changed)
"""

from lab.machineconfig.config import Document, MachineConfig
from lab.machineconfig.difference import difference
from lab.machineconfig.effects import reboot_reasons
from lab.machineconfig.faults import ConfigFaults, Fault
from lab.machineconfig.foreign import ForeignConfig, patch
from lab.machineconfig.loading import load
from lab.machineconfig.merging import merge
from lab.machineconfig.model import Authority, Endpoint, Install, KernelLog, Link, Resolvers, Route

__all__ = [
    "Authority",
    "ConfigFaults",
    "Document",
    "Endpoint",
    "Fault",
    "ForeignConfig",
    "Install",
    "KernelLog",
    "Link",
    "MachineConfig",
    "Resolvers",
    "Route",
    "difference",
    "load",
    "merge",
    "patch",
    "reboot_reasons",
]
