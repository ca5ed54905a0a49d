"""Which drivers there are: literal tables `kind -> "module:Class"`, so that reading them runs nothing.

A class that needs to know its place has a classmethod `for_place(options, context)`; any other is called with
its options as keyword arguments. See lab.drivers.build.
"""

import importlib

POWER = {
    "qemu": "lab.drivers.qemu.power:QemuPower",
}

STREAM = {
    "qemu": "lab.drivers.qemu.console:QemuConsole",
    "process": "lab.drivers.stream.process:ProcessStream",
    "replay": "lab.drivers.stream.replay:ReplayStream",
    "serial": "lab.drivers.stream.serial:SerialStream",
}

# Operating systems (lab.systems.interface.OperatingSystem)
SYSTEM: dict[str, str] = {
    "talos": "lab.systems.talos.system:Talos",
    "refos": "lab.systems.refos:Refos",
    "flatcar": "lab.systems.flatcar.system:Flatcar",
    "fcos": "lab.systems.fcos.system:FedoraCoreos",
    "debian": "lab.systems.debian:Debian",
}


def load(reference: str) -> type:
    """Return the class that `module:Class` names."""
    module, _, name = reference.partition(":")
    found = getattr(importlib.import_module(module), name)
    assert isinstance(found, type)
    return found
