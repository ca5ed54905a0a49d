"""A rollout's YAML file -> `Plan`; every fault as `file:line`, all of them at once."""

import math
from pathlib import Path

from lab.config.validate import validate
from lab.config.yamlfile import read_yaml
from lab.errors import ConfigError
from lab.rollout import plan, schema
from lab.rollout.crosscheck import crosscheck
from lab.rollout.inventory import Inventory


def read_plan(path: Path) -> plan.Plan:
    """Return the rollout that a file describes; paths in it are relative to its folder.

    Raises ConfigError with every fault of the file and of those that it names.
    """
    document, base = read_yaml(path), path.absolute().parent
    file = validate(document, schema.PlanFile)
    crosscheck(document, base)
    if file is None:
        document.raise_faults()
    assert file is not None
    inventory = Inventory(document, base, file)
    groups = inventory.groups()
    faults = [f"{path}:{line}: {message}" for line, message in sorted(document.faults)] + inventory.elsewhere
    if faults:
        raise ConfigError(faults)
    nodes = tuple(node for _, members in groups for node in members)
    return plan.Plan(
        name=file.name or path.stem,
        file=path,
        nodes=nodes,
        pace=_pace(file, [len(members) for _, members in groups]),
        change=_change(file.change, base),
        over_ssh=_over_ssh(file.change, base),
        gates=tuple(_gate(part, base) for part in file.gates),
        talosconfig=base / file.talosconfig if file.talosconfig is not None else None,
        change_seconds=file.change.seconds,
    )


def cut(sizes: list[int], canary: int, batches: tuple[int | str, ...]) -> tuple[range, ...]:
    """Return the steps: ranges of node numbers. `sizes`: of the groups; no step spans two of them."""
    total, steps, begin, number = sum(sizes), [], 0, 0
    for end in (sum(sizes[: n + 1]) for n in range(len(sizes))):
        while begin < end:
            if begin == 0 and canary:
                size = canary
            else:
                size = _nodes_in(batches[min(number, len(batches) - 1)], total)
                number += 1
            steps.append(range(begin, min(begin + size, end)))
            begin = steps[-1].stop
    return tuple(steps)


def _nodes_in(size: int | str, total: int) -> int:
    text = str(size)
    if text.endswith("%"):
        return max(1, total * int(text[:-1]) // 100)
    return int(text)


def _pace(file: schema.PlanFile, sizes: list[int]) -> plan.Pace:
    total = sum(sizes)
    limits = [file.halt.failures] if file.halt.failures is not None else []
    if file.halt.percent is not None:
        limits.append(max(1, math.ceil(total * file.halt.percent / 100)))
    return plan.Pace(
        steps=cut(sizes, file.steps.canary, file.steps.batches),
        canary=file.steps.canary > 0,
        concurrency=file.steps.concurrency,
        soak_seconds=file.steps.soak_seconds,
        pause=plan.Pause(file.steps.pause),
        limit=min(limits, default=1),
        revert=plan.Scope(file.revert),
    )


def _change(part: schema.ChangeFile, base: Path) -> plan.Change:
    if part.patch is not None:
        return plan.ConfigPatch((base / part.patch.file).read_text("utf-8"), part.patch.mode)
    host = _over_ssh(part, base)
    if host is not None:
        return host
    if part.upgrade is not None:
        return plan.Upgrade(part.upgrade.image, part.upgrade.version)
    if part.rollback is not None:
        return plan.RollBack(part.rollback.version)
    assert part.command is not None
    return plan.Command(part.command.apply, part.command.check or (), part.command.revert or ())


def _over_ssh(part: schema.ChangeFile, base: Path) -> plan.HostChange | None:
    return plan.HostChange((base / part.host.file).read_text("utf-8")) if part.host is not None else None


def _gate(part: schema.GateFile, base: Path) -> plan.Gate:
    if part.ready is not None:
        return plan.Ready(part.ready.seconds)
    if part.resolves is not None:
        return plan.Resolves(base / part.resolves.log, part.resolves.name.rstrip("."), part.resolves.seconds)
    assert part.command is not None
    return plan.Check(part.command.argv, part.command.seconds)
