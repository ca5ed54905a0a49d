"""JUnit XML: a test suite for each run, a test case for each boot.

A boot that the board failed is a failure; one that the lab's equipment failed is an error, as CI systems tell
them apart. Boots that were planned and never came are skipped ones, so that a killed run does not look whole.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence

from lab.measure.statistics import measurements
from lab.model import BootRecord
from lab.store import Run

# Characters that XML 1.0 cannot hold, not even escaped (its section 2.2): a console has them.
_UNSPEAKABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(runs: Sequence[Run]) -> str:
    """Return the XML document."""
    root = ET.Element("testsuites", name="bootlab")
    for run in runs:
        _suite(root, run)
    totals = {key: sum(int(suite.get(key, "0")) for suite in root) for key in ("tests", "failures", "errors")}
    root.attrib.update({key: str(total) for key, total in totals.items()})
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def _suite(root: ET.Element, run: Run) -> None:
    info = run.info
    missing = max(info.boots_planned - len(run.boots), 0)
    suite = ET.SubElement(root, "testsuite", name=_text(f"{info.suite} {info.image} on {info.place}"))
    blamed = [
        boot.failure.cause.of_the_lab if boot.failure else False for boot in run.boots if not boot.ready
    ]
    counts = {
        "tests": len(run.boots) + missing,
        "failures": blamed.count(False),
        "errors": blamed.count(True),
        "skipped": missing,
    }
    suite.attrib.update({name: str(count) for name, count in counts.items()})
    suite.attrib.update(time=f"{sum(map(_seconds, run.boots)):.3f}", timestamp=_text(info.started_at[:19]))
    properties = ET.SubElement(suite, "properties")
    for name in ("run_id", "board_type", "method", "night", "plan_hash", "image_digest", "console_args"):
        _property(properties, name, str(getattr(info, name)))
    of_boot: dict[int, list[tuple[str, float]]] = {}
    for value in measurements(run.boots):
        if value.unit == "s":
            for index, seconds in zip(value.boots, value.values, strict=True):
                of_boot.setdefault(index, []).append((value.name, seconds))
    for boot in run.boots:
        _case(suite, run, boot, of_boot.get(boot.index, []))
    for number in range(len(run.boots), info.boots_planned):
        ET.SubElement(_named(suite, run, number), "skipped", message="the run did not come to its end")


def _case(suite: ET.Element, run: Run, boot: BootRecord, values: list[tuple[str, float]]) -> None:
    case = _named(suite, run, boot.index)
    case.set("time", f"{_seconds(boot):.3f}")
    properties = ET.SubElement(case, "properties")
    given = (("attempt", str(boot.attempt)), ("firmware", boot.firmware), ("kernel", boot.kernel))
    for name, text in (*given, *((name, f"{seconds:.4f}") for name, seconds in values)):
        _property(properties, name, text)
    if boot.failure is not None:
        kind = "error" if boot.failure.cause.of_the_lab else "failure"
        told = ET.SubElement(case, kind, type=boot.failure.cause, message=_text(boot.failure.sentence))
        told.text = _text("\n".join(boot.failure.evidence))
    elif not boot.ready:
        ET.SubElement(case, "failure", type="not-ready", message="it did not get ready")


def _named(suite: ET.Element, run: Run, index: int) -> ET.Element:
    where = f"{run.info.board_type}.{run.info.place}.{run.info.image}"
    return ET.SubElement(suite, "testcase", classname=_text(where), name=f"boot {index + 1}")


def _property(properties: ET.Element, name: str, value: str) -> None:
    if value:
        ET.SubElement(properties, "property", name=_text(name), value=_text(value))


def _seconds(boot: BootRecord) -> float:
    line = boot.timeline
    ends = [line.t0_ns, *(m.t_ns for m in line.milestones)]
    return ((max(ends) if boot.ready or line.end_ns is None else line.end_ns) - line.t0_ns) / 1e9


def _text(text: str) -> str:
    return _UNSPEAKABLE.sub("\ufffd", text)
