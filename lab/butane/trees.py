"""`storage.trees`: folders of the author's disk as files and links; since fcos 1.7.0 as folders, too."""

from dataclasses import dataclass
from typing import Any

from lab.butane.dataurl import data_url
from lab.butane.files import Files, Found, Refused
from lab.butane.values import Block, Place, Report, Series, block_of
from lab.machineconfig.yamltext import path_text

_PARTS = ("files", "directories", "links")


def add_trees(config: Block, ignition: Block, files: Files, report: Report) -> None:
    """Put what is in the trees of `config` (Butane's words) into the storage of `ignition`."""
    for number, tree in enumerate((config.get("storage") or {}).get("trees", ())):
        where = path_text(("storage", "trees", number))
        if not tree.get("local"):
            report.error(tree.place, where, "local is missing: a folder of this disk")
            continue
        planter = _Planter(ignition["storage"], tree, where, report)
        try:
            for found in files.tree(tree["local"]):
                planter.plant(found)
        except Refused as exc:
            report.error(tree.place_of("local"), f"{where}.local", str(exc))


@dataclass(frozen=True, slots=True)
class _Planter:
    storage: Block
    tree: Block
    where: str
    report: Report

    @property
    def _place(self) -> Place:
        return self.tree.place

    def plant(self, found: Found) -> None:
        """Put one in. One that the config names already, with other fields but no contents, gets them."""
        base = (self.tree.get("path") or "/").rstrip("/")
        path = f"{base}/{found.path}".rstrip("/") or "/"
        if found.content is None:
            self._folder(path)
            return
        part, field = ("links", "target") if isinstance(found.content, str) else ("files", "contents")
        node = next((item for item in self.storage.get(part, ()) if item.get("path") == path), None)
        given = (node or {}).get(field)
        if self._taken(path, part) or (given and (part == "links" or given.get("source"))):
            self._refuse(path)
            return
        node = self._node(part, path) if node is None else node
        if isinstance(found.content, str):
            node.put("target", found.content, self._place)
        else:
            self._fill(node, found.content, given or {}, program=found.program)

    def _folder(self, path: str) -> None:
        """Ignition makes folders by itself, of root; only others have to be named."""
        if not any(self.tree.get(key) for key in ("user", "group")) and "dir_mode" not in self.tree:
            return
        if self._taken(path, ""):
            self._refuse(path)
            return
        self._node("directories", path).put("mode", self.tree.get("dir_mode", 0o755), self._place)

    def _fill(self, node: Block, content: bytes, given: Any, *, program: bool) -> None:
        packed = given.get("compression") or ""
        source, compression = data_url(content, compress=not packed)
        filled = {**given, "source": source, "compression": packed or compression}
        node.put("contents", block_of(self._place, **filled), self._place)
        if "mode" not in node:
            mode = self.tree.get("file_mode", 0o755 if program else 0o644)
            node.put("mode", mode, self._place)

    def _node(self, part: str, path: str) -> Block:
        if part not in self.storage:
            self.storage.put(part, Series(self._place), self._place)
        owners = {key: self.tree[key] for key in ("user", "group") if self.tree.get(key)}
        node = block_of(self._place, path=path, **owners)
        self.storage[part].add(node, self._place)
        return node

    def _taken(self, path: str, part: str) -> bool:
        """Whether something of another kind than `part` has the path."""
        others = (name for name in _PARTS if name != part)
        return any(item.get("path") == path for name in others for item in self.storage.get(name, ()))

    def _refuse(self, path: str) -> None:
        words = f"{path} is in this config already, with contents or of another kind"
        self.report.error(self._place, self.where, words)
