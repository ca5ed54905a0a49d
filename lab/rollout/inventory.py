"""The nodes of a plan file: groups -> one list, in the order in which they are changed."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path

from lab.config import load_site
from lab.config.site import Site
from lab.config.yamlfile import Document, KeyPath
from lab.errors import ConfigError
from lab.rollout.crosscheck import order
from lab.rollout.plan import API_PORT, Node, OverSsh
from lab.rollout.schema import GroupFile, PlanFile

MAX_FILE_BYTES = 16 << 20
SSH_PORT = 22


@dataclass
class Inventory:
    """The groups' nodes in order; faults are noted in `document`, those of other files in `elsewhere`."""

    document: Document
    base: Path
    file: PlanFile
    elsewhere: list[str] = field(default_factory=list)

    def groups(self) -> list[tuple[str, list[Node]]]:
        """Return (group, nodes) in an order that follows `after` and `groups`; no node is in two of them."""
        site = self._site()
        taken: dict[str, str] = {}
        found: dict[str, list[Node]] = {}
        ordered = order(self.document)
        for name in ordered:
            group = self.file.nodes[name]
            nodes = [self._reached(node, group) for node in self._nodes(name, group, site)]
            if group.label is not None:
                nodes = [node for node in nodes if group.label in node.labels]
            if not nodes and not group.groups and not self.document.faults and not self.elsewhere:
                chosen = f" with the label {group.label!r}" if group.label is not None else ""
                self.document.fault(("nodes", name), f"has no nodes{chosen}")
            for other in group.groups:  # comes before in this order; its nodes become this group's
                inherited = found.get(other, [])
                moved = [n for n in inherited if group.label is None or group.label in n.labels]
                found[other] = [node for node in inherited if node not in moved]
                nodes += moved
            found[name] = nodes
        for name in ordered:
            self._unique(name, found[name], taken)
        return [(name, found[name]) for name in ordered if found[name]]

    def _reached(self, node: Node, group: GroupFile) -> Node:
        """The same, over SSH where its group says so."""
        if group.ssh is None:
            return node
        key, known = ((self.base / name) if name else None for name in (group.ssh.key, group.ssh.known_hosts))
        port = SSH_PORT if node.port == API_PORT else node.port
        return replace(node, port=port, ssh=OverSsh(group.ssh.user, key, known))

    def _nodes(self, name: str, group: GroupFile, site: Site | None) -> Iterator[Node]:
        for number, part in enumerate(group.list_):
            fault = address_fault(part.address)
            if fault:
                self.document.fault(("nodes", name, "list", number, "address"), fault)
            yield Node(part.name, part.address, part.port, frozenset(part.labels))
        if group.file is not None:
            yield from self._from_file(("nodes", name, "file"), self.base / group.file)
        for number, place in enumerate(group.places):
            if site is not None:
                yield from self._from_place(("nodes", name, "places", number), place, site)

    def _from_file(self, where: KeyPath, path: Path) -> Iterator[Node]:
        try:
            with path.open("rb") as file:
                raw = file.read(MAX_FILE_BYTES + 1)
        except OSError as exc:
            self.document.fault(where, f"{path} cannot be read: {exc.strerror}")
            return
        if len(raw) > MAX_FILE_BYTES:
            self.document.fault(where, f"{path} is larger than {MAX_FILE_BYTES} bytes")
            return
        for number, line in enumerate(raw.decode(errors="replace").splitlines(), 1):
            words = line.partition("#")[0].split()
            if not words:
                continue
            fault = "write NAME ADDRESS[:PORT] [LABEL...]" if len(words) < 2 else endpoint_fault(words[1])
            if fault:
                self.elsewhere.append(f"{path}:{number}: {fault}")
                continue
            address, port = split_endpoint(words[1])
            yield Node(words[0], address, port, frozenset(words[2:]))

    def _site(self) -> Site | None:
        wanted = next((name for name, group in self.file.nodes.items() if group.places), None)
        if wanted is None:
            return None
        if self.file.lab is None:
            self.document.fault(
                ("nodes", wanted, "places"), "name the site file that has them: lab: lab.yaml"
            )
            return None
        try:
            return load_site(self.base / self.file.lab)
        except ConfigError as exc:
            self.elsewhere += exc.faults
            return None

    def _from_place(self, where: KeyPath, name: str, site: Site) -> Iterator[Node]:
        place = site.place(name)
        if place is None:
            known = ", ".join(place.name for place in site.places)
            self.document.fault(where, f"{self.file.lab} has no place {name!r}; there are {known or 'none'}")
            return
        machine = next(machine for machine in site.machines if machine.mac == place.mac)
        if machine.ip is None:
            self.document.fault(where, f"the place {name} has no ip in {self.file.lab}: give it one")
            return
        yield Node(name, str(machine.ip), API_PORT, frozenset({place.board_type}))

    def _unique(self, group: str, nodes: list[Node], taken: dict[str, str]) -> None:
        for node in nodes:
            for word in (node.name, node.endpoint):
                if word in taken:
                    self.document.fault(
                        ("nodes", group), f"{word} is there twice; the other is in {taken[word]}"
                    )
                taken.setdefault(word, group)


def address_fault(text: str) -> str:
    """Say what is wrong with an IP address; "" for nothing."""
    try:
        ip_address(text)
    except ValueError:
        return f"{text!r} is no IP address; write it like 10.99.0.11"
    return ""


def endpoint_fault(text: str) -> str:
    """Say what is wrong with ADDRESS[:PORT]; "" for nothing."""
    try:
        address, port = split_endpoint(text)
    except ValueError:
        return f"{text!r} has no valid port; write it like 10.99.0.11:50000"
    return address_fault(address) or ("" if 0 < port < 65536 else f"{port} is no TCP port")


def split_endpoint(text: str) -> tuple[str, int]:
    """Return address and port of `10.99.0.11`, `10.99.0.11:50001`, `fd00::1` or `[fd00::1]:50001`."""
    if text.startswith("["):
        address, _, port = text[1:].partition("]:")
        return address.removesuffix("]"), int(port) if port else API_PORT
    if text.count(":") == 1:
        address, _, port = text.partition(":")
        return address, int(port)
    return text, API_PORT
