"""A Butane file -> an Ignition config, and all that is to be said of it, in one go."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.butane.bootdevice import boot_device
from lab.butane.convert import Converter
from lab.butane.files import Files
from lab.butane.merge import merged
from lab.butane.reading import Unreadable, read
from lab.butane.rules import check
from lab.butane.schema import Version, snake
from lab.butane.sugar import grub_users, mount_units
from lab.butane.trees import add_trees
from lab.butane.values import Block, Finding, KeyPath, Report, place_at
from pxe.boot.configs.fill import samples
from pxe.boot.configs.ignition import parse
from pxe.boot.configs.rules import broken_rules
from pxe.boot.configs.spec import SPEC
from pxe.boot.configs.walk import faults, pruned
from pxe.errors import PlanError

_PART = re.compile(r"([A-Za-z0-9]+)|\[(\d+)\]")
_INSTALL = re.compile(r"^[ \t]*\[Install\]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Translation:
    """What came of a file: `config` is None where it has errors. `findings` in the order of the lines."""

    version: Version | None
    config: dict[str, Any] | None
    findings: tuple[Finding, ...] = field(default=())

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What made it unusable."""
        return tuple(finding for finding in self.findings if not finding.warning)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What is probably not meant."""
        return tuple(finding for finding in self.findings if finding.warning)

    def text(self, *, pretty: bool = False) -> str:
        """Return the config as JSON. Only where there is one."""
        assert self.config is not None
        separators = None if pretty else (",", ":")
        return json.dumps(
            self.config, ensure_ascii=False, indent=2 if pretty else None, separators=separators
        )


def translate(text: str, folder: Path | None = None) -> Translation:
    """Translate a Butane file; files of this disk are taken from below `folder` (None: none are).

    Raises nothing for what the author did: that is in the findings.
    """
    report = Report()
    try:
        version, config = read(text, report)
    except Unreadable:
        return Translation(None, None, tuple(sorted(report.findings)))
    check(config, version, report)
    ignition = _ignition(config, version, Files(folder), report)
    _warn_of_units(ignition, report)
    _judge(ignition, version, report)
    done = Translation(version, None, tuple(sorted(report.findings)))
    if done.errors:
        return done
    config = pruned(ignition)
    return Translation(version, {"ignition": config.pop("ignition"), **config}, done.findings)


def _ignition(config: Block, version: Version, files: Files, report: Report) -> Block:
    found = Converter(version, files, report).convert(config)
    assert isinstance(found, Block)
    for part in ("ignition", "storage"):
        if part not in found:
            found.put(part, Block(config.place), config.place)
    found["ignition"].put("version", f"3.{version.minor}.0", config.place_of("version"))
    found = merged(mount_units(config, version), found)
    add_trees(config, found, files, report)
    if version.fcos:
        found = merged(boot_device(config, version), found)
        found = merged(grub_users(config), found)
    return found


def _judge(ignition: Block, version: Version, report: Report) -> None:
    """Hold the outcome against the spec of Ignition; each fault goes to where its cause was written."""
    filled = json.loads(samples(json.dumps(ignition)))  # {server} and {config} are no URLs yet
    found = list(faults(SPEC, filled, version.minor))
    found += [] if found else broken_rules(filled, version.minor)
    if all(finding.warning for finding in report.findings) and not found:
        try:
            parse(json.dumps(pruned(filled)))  # configs within this one, too
        except PlanError as exc:
            found.append(str(exc))
    for fault in found:
        where, _, message = fault.partition(": ")
        path: KeyPath = tuple(int(n) if n else word for word, n in _PART.findall(where))
        report.error(place_at(ignition, path), _snaked(where), message)


def _warn_of_units(ignition: Block, report: Report) -> None:
    for number, unit in enumerate((ignition.get("systemd") or {}).get("units", ())):
        contents = unit.get("contents")
        if unit.get("enabled") and contents and not _INSTALL.search(contents):
            where = f"systemd.units[{number}].enabled"
            words = "has no effect: its contents have no section [Install]"
            report.warn(unit.place_of("enabled"), where, words)


def _snaked(where: str) -> str:
    return ".".join(snake(part) for part in where.split("."))
