"""What pydantic does not see in a plan file: what goes together, what must exist, cycles of groups.

Works on the raw values and passes over what is missing or of the wrong shape, so that all faults come
out at once.
"""

import graphlib
from pathlib import Path
from typing import Any

from lab.config import read
from lab.config.yamlfile import Document, KeyPath
from lab.errors import ConfigError
from lab.machineconfig import ConfigFaults, patch
from lab.systems.hostconfig import read_host_config

_CHANGES = ("patch", "host", "upgrade", "rollback", "command")
_OF_THE_NODE = ("cannot be deleted", "does not apply")  # may well apply to what a node has
_GATES = ("ready", "resolves", "command")


def crosscheck(document: Document, base: Path) -> None:
    """Note the faults that need more than one value to see; relative paths are seen from `base`."""
    data = document.data
    change = read.section(data, "change")
    gates = read.get(data, "gates")
    both = "patch" in change and "host" in change  # for nodes of both kinds
    read.one_of(document, ("change",), {k: v for k, v in change.items() if not both or k != "host"}, _CHANGES)
    _check_over_ssh(document, base, change)
    for number, gate in enumerate(gates if isinstance(gates, list) else []):
        if isinstance(gate, dict):
            read.one_of(document, ("gates", number), gate, _GATES)
    order(document)
    if read.get(data, "steps", "batches") == []:
        document.fault(("steps", "batches"), "is empty: write sizes of batches, such as [5, 10%, 50%]")
    _check_patch(document, base)
    _check_talosconfig(document, base, gates if isinstance(gates, list) else [])
    command, revert = read.section(change, "command"), read.get(data, "revert")
    if command and "revert" not in command and revert in ("failed", "all"):
        sentence = f"{revert!r} needs change.command.revert, the program that takes the change back"
        document.fault(("revert",), sentence)


def order(document: Document) -> list[str]:
    """Return the groups in an order that follows `after` and `groups`; [] where there is a cycle."""
    groups = read.section(document.data, "nodes")
    sorter: graphlib.TopologicalSorter[str] = graphlib.TopologicalSorter()
    for name, group in groups.items():
        sorter.add(name)
        for where, other in _references(name, group):
            if other in groups:
                sorter.add(name, other)
            else:
                document.fault(where, f"there is no group {other!r}; there are {', '.join(groups)}")
    try:
        return list(sorter.static_order())
    except graphlib.CycleError as exc:
        cycle: list[str] = exc.args[1][::-1]  # graphlib names them from the first to go to the last
        where = next(place for place, other in _references(cycle[0], groups[cycle[0]]) if other == cycle[1])
        document.fault(where, f"a cycle: {' waits for '.join(cycle)}; take one of these out")
        return []


def _references(name: str, group: Any) -> list[tuple[KeyPath, str]]:
    """Return (where, the other group) of each group that `name` waits for."""
    found: list[tuple[KeyPath, str]] = []
    for key in ("after", "groups"):
        others = read.get(group, key)
        if isinstance(others, list):
            texts = [(number, other) for number, other in enumerate(others) if isinstance(other, str)]
            found += [(("nodes", name, key, number), other) for number, other in texts]
    return found


def _check_patch(document: Document, base: Path) -> None:
    """Note a patch that cannot be read. Whether its keys are right the nodes will say: they know more."""
    name = read.get(document.data, "change", "patch", "file")
    if not isinstance(name, str):
        return
    where: KeyPath = ("change", "patch", "file")
    try:
        text = (base / name).read_text("utf-8")
    except OSError as exc:
        document.fault(where, f"{base / name} cannot be read: {exc.strerror}")
    except UnicodeDecodeError:
        document.fault(where, f"{base / name} is not UTF-8 text")
    else:
        try:
            patch("version: v1alpha1\n", text)
        except ConfigFaults as exc:
            for fault in exc.faults:
                if not fault.reason.startswith(_OF_THE_NODE):
                    document.fault(where, f"{name}: {fault}")


def _check_over_ssh(document: Document, base: Path, change: dict[str, Any]) -> None:
    """Note a change that does not go with the way in which nodes are reached."""
    groups = read.section(document.data, "nodes")
    ssh = [name for name, group in groups.items() if read.get(group, "ssh") is not None]
    api = [name for name, group in groups.items() if name not in ssh and not read.get(group, "groups")]
    if ssh and "patch" in change and "host" not in change:
        sentence = f"the nodes of {ssh[0]} have no machine configuration to patch: add a change.host for them"
        document.fault(("change", "patch"), sentence)
    if api and "host" in change and "patch" not in change:
        sentence = f"the nodes of {api[0]} are reached by their API: say nodes.{api[0]}.ssh, or add a patch"
        document.fault(("change", "host"), sentence)
    for name in ssh:
        for what in ("key", "known_hosts"):
            file = read.get(groups, name, "ssh", what)
            if isinstance(file, str) and not (base / file).is_file():
                document.fault(("nodes", name, "ssh", what), f"there is no file {base / file}")
    file = read.get(change, "host", "file")
    if isinstance(file, str):
        try:
            read_host_config((base / file).read_text("utf-8"), base / file)
        except (OSError, UnicodeDecodeError) as exc:
            document.fault(("change", "host", "file"), f"{base / file} cannot be read: {exc}")
        except ConfigError as exc:
            for fault in exc.faults:
                document.fault(("change", "host", "file"), fault)


def _check_talosconfig(document: Document, base: Path, gates: list[Any]) -> None:
    name = read.get(document.data, "talosconfig")
    groups = read.section(document.data, "nodes")
    if groups and all(read.get(g, "ssh") is not None or read.get(g, "groups") for g in groups.values()):
        return  # nobody has an API
    own = "command" in read.section(document.data, "change")
    if name is None and (not own or any("ready" in gate for gate in gates if isinstance(gate, dict))):
        document.fault((), "talosconfig: is missing: the file with our certificate for the nodes' API")
    if isinstance(name, str) and not (base / name).is_file():
        document.fault(("talosconfig",), f"there is no file {base / name}")
