"""What a bad cut leaves: kept in a folder, and booted and judged again from there."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.errors import UsageError
from lab.powercut.check import Checked, check_disk
from lab.powercut.cut import copy_sparse
from lab.upgrades.judge import Allowed, faults_of
from lab.upgrades.operate import Order
from lab.upgrades.plan import Operation
from lab.upgrades.record import Recorder
from lab.upgrades.rig import Rig
from lab.upgrades.story import Story
from lab.upgrades.system import READY, Observation

READY_SECONDS = 900.0  # an installation, or three attempts at a slot and then the other, on a busy host
_DISK, _EXPECTED = "disk.img", "allowed.json"


def keep(folder: Path, rig: Rig, disk: Path, order: Order, allowed: Allowed, labels: Sequence[str]) -> Path:
    """Keep the disk as the cut left it, the log of writes, the console, and what would have been right."""
    folder.mkdir()
    copy_sparse(disk, folder / _DISK)
    shutil.copyfile(rig.cache.last_log, folder / "writes.log")
    text = rig.board.console.transcript.text_since(0)
    (folder / "console.txt").write_text(text, encoding="utf-8")
    document = {
        "operation": order.operation,
        "version": order.version,
        "number": order.number,
        "systems": sorted(allowed.systems),
        "configs": sorted(allowed.configs),
        "file_systems": list(labels),
    }
    (folder / _EXPECTED).write_text(json.dumps(document), encoding="utf-8")
    return folder


@dataclass(frozen=True, slots=True)
class Kept:
    """A cut as `keep` left it: the disk, what the node had been told to do, and what would be right."""

    disk: Path
    order: Order
    allowed: Allowed
    file_systems: tuple[str, ...]


def load_kept(folder: Path) -> Kept:
    """Read what `keep` left. Raises UsageError where it is no such folder."""
    try:
        document = json.loads((folder / _EXPECTED).read_text(encoding="utf-8"))
        order = Order(Operation(document["operation"]), document["version"], document["number"])
        allowed = Allowed([(slot, version) for slot, version in document["systems"]], document["configs"])
        return Kept(folder / _DISK, order, allowed, tuple(map(str, document["file_systems"])))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{folder} is no power cut that was kept: {error}") from error


def replay(rig: Rig, recorder: Recorder, folder: Path) -> tuple[str, ...]:
    """Boot the disk that a cut left, as `keep` kept it; return what is wrong. Raises UsageError."""
    kept = load_kept(folder)
    rig.off()
    copy_sparse(kept.disk, rig.disk)
    kept.order.prepare(rig)
    checked = check_disk(rig.disk, kept.file_systems)
    seen, story = recover(rig, kept.order, recorder)
    faults = judged(rig, kept.allowed, checked, seen, story)
    recorder.add(story, "replay", faults)
    return faults


def recover(rig: Rig, order: Order, recorder: Recorder) -> tuple[Observation | None, Story]:
    """Switch on and wait for the node to be ready; what has to be installed again is."""
    with rig.on(transcript=recorder.transcript()) as story:
        if order.operation is Operation.INSTALL and rig.installable(story, READY_SECONDS):
            order.carry_out(rig, story)
        seen = rig.ready(story, READY_SECONDS)
        if seen is not None:
            story.note(READY)
    return seen, story


def judged(
    rig: Rig, allowed: Allowed, checked: Sequence[Checked], seen: Observation | None, story: Story
) -> tuple[str, ...]:
    """What is wrong with a node after its power came back."""
    faults = faults_of(seen, allowed, rig.system.same_config, checked)
    if seen is not None and story.reached(rig.system.milestones[-1].name) is None:
        faults = (*faults, "its slot was not marked good")
    return faults
