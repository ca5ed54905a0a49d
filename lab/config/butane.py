"""`configs` of kind `butane`: translated to Ignition when the site file is read.

Not when a machine asks: the boot service knows nothing of the lab, and an author wants the faults now, with
lines and columns. A secret one would have to lie in the plan as text, where it can be read: refused.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from lab.butane import translate
from lab.config import schema
from lab.config.yamlfile import Document, KeyPath
from lab.errors import ConfigError
from pxe.boot.configs.source import read_config
from pxe.errors import PlanError
from pxe.plan import Config, ConfigKind

_SUFFIXES = frozenset({".bu", ".butane", ".yaml", ".yml"})


def ignition_of(path: Path, folder: Path | None) -> str:
    """Return what a Butane file is as Ignition's JSON; local files of it are below `folder`.

    Raises ConfigError with all its faults as `file:line:column: ...`; a key that there is not is one.
    """
    try:
        text = read_config(Config(kind=ConfigKind.TEXT, name="butane", path=path), {})
    except PlanError as exc:
        raise ConfigError([f"{path}: {exc}"]) from None
    found = translate(text, folder)
    faults = [finding for finding in found.findings if finding.unknown or not finding.warning]
    if faults:
        raise ConfigError([replace(fault, warning=False).text(str(path)) for fault in faults])
    return found.text()


def butane_config(part: schema.ConfigFile, base: Path) -> Config:
    """Return the Ignition config that a Butane file means. Raises ConfigError."""
    path = base / (part.file or "")
    folder = base / part.files_dir if part.files_dir is not None else None
    return Config(
        kind=ConfigKind.IGNITION, name=part.name or ignition_name(path), text=ignition_of(path, folder)
    )


def ignition_name(path: Path) -> str:
    """Return what the outcome is called where nobody says: node.bu becomes node.ign."""
    return f"{path.stem if path.suffix in _SUFFIXES else path.name}.ign"


def check_butane(document: Document) -> None:
    """Note the faults of every config of kind butane in the raw document, at its line."""
    for where, part in _parts(document.data):
        if part.get("kind") != "butane":
            if part.get("files_dir") is not None:
                document.fault((*where, "files_dir"), "goes with kind: butane")
            continue
        if not isinstance(part.get("file"), str):
            document.fault(where, "a butane config is a file: write {kind: butane, file: node.bu}")
        elif part.get("secret"):
            words = "translated, it would be text in the plan; translate it yourself (bootlab butane FILE -o "
            document.fault((*where, "secret"), f"{words}node.ign), and name that file with kind: ignition")
        else:
            _check_file(document, where, part)


def _check_file(document: Document, where: KeyPath, part: dict[str, Any]) -> None:
    base, folder = document.path.absolute().parent, part.get("files_dir")
    try:
        ignition_of(base / part["file"], base / folder if isinstance(folder, str) else None)
    except ConfigError as exc:
        for fault in exc.faults:
            document.fault((*where, "file"), fault)


def _parts(data: Any) -> list[tuple[KeyPath, dict[str, Any]]]:
    """Every config of every plan that is one by its shape."""
    plans = data.get("plans") if isinstance(data, dict) else None
    found: list[tuple[KeyPath, dict[str, Any]]] = []
    for name, plan in plans.items() if isinstance(plans, dict) else ():
        parts = plan.get("configs") if isinstance(plan, dict) else None
        for number, part in enumerate(parts if isinstance(parts, list) else ()):
            if isinstance(part, dict):
                found.append((("plans", name, "configs", number), part))
    return found
