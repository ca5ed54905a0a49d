"""A plan as the lines of a site file; its files are parts of an image of the catalogue, not paths."""

import json
import re
from collections.abc import Mapping
from typing import Any

from pxe.assets import Manifest, Store
from pxe.plan import Asset, BootPlan, Config

_ROLES = ("kernel", "initrd", "dtb", "loader")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._/+=~-]*")
_NO_TEXT = ("null", "true", "false", "yes", "no", "on", "off", "y", "n")  # to one YAML or another
_WORDS = ("action", "arch", "cmdline", "fdt_address", "transport", "then")


def plan_yaml(
    plan: BootPlan, manifest: Manifest, store: Store, sources: Mapping[str, dict[str, Any]] | None = None
) -> str:
    """Return `plans:` with this plan alone. A file that is no part of the image is told by its path;
    `sources` has configs, by name, that a site file tells by what they were made of."""
    usual = BootPlan(name=plan.name)
    lines = ["plans:", f"  {_scalar(plan.name)}:"]
    for role in _ROLES:
        asset = getattr(plan, role)
        if asset is not None:
            lines.append(f"    {role}: {_asset(asset, role, manifest, store)}")
    if plan.tree is not None:
        lines.append(f"    tree: {_scalar(str(plan.tree))}")
    for word in _WORDS:
        value = getattr(plan, word)
        if value != getattr(usual, word):
            lines.append(f"    {word}: {_scalar(str(value))}")
    if plan.files:
        lines.append("    files:")
        lines += [f"      - {_asset(asset, '', manifest, store)}" for asset in plan.files]
    for key in ("texts", "templates"):
        texts: dict[str, str] = getattr(plan, key)
        if texts:
            lines.append(f"    {key}:")
            lines += [f"      {_scalar(name)}: {json.dumps(text)}" for name, text in texts.items()]
    if plan.configs:
        lines.append("    configs:")
        told = sources or {}
        lines += [f"      - {_flow(told.get(config.name) or _config(config))}" for config in plan.configs]
    return "\n".join(lines) + "\n"


def _asset(asset: Asset, role: str, manifest: Manifest, store: Store) -> str:
    for name, part in manifest.parts.items():
        if store.blob(part.sha256) == asset.path:
            found = {"image": str(manifest.image)} | ({"part": name} if name != role else {})
            return _flow(found | ({"name": asset.name} if asset.name != part.file else {}))
    return _flow({"path": str(asset.path), "name": asset.name})


def _config(config: Config) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": str(config.kind), "name": config.name}
    for key, value in (("file", config.path), ("env", config.env), ("text", config.text)):
        if value is not None:
            found[key] = str(value)
    return found | ({"secret": True} if config.secret else {})


def _flow(values: dict[str, Any]) -> str:
    inside = ", ".join(f"{k}: {'true' if v is True else _scalar(str(v))}" for k, v in values.items())
    return f"{{{inside}}}"


def _scalar(text: str) -> str:
    """A plain word where every reader of YAML takes it as one, else JSON's string, which is YAML, too."""
    if _PLAIN.fullmatch(text) and text.lower() not in _NO_TEXT:
        return text
    return json.dumps(text, ensure_ascii=False)
