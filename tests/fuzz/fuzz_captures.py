"""Captures: any bytes as a file, and its datagrams as frames in a good one, through reader and all rules."""

import struct
from pathlib import Path

from fuzz_targets import as_input, datagrams

from pxe.errors import CaptureError
from pxe.explain import explain
from pxe.explain.capture import read_bytes
from pxe.explain.progress import summary
from pxe.explain.spans import spans

_LINKS = (1, 1, 1, 113, 276, 101)
_SECOND = 1_000_000_000


class Captures:
    """The first byte of an input picks the link type; frames are a second apart."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def forget(self) -> None:
        """Nothing is kept between captures."""

    def __call__(self, data: bytes) -> None:
        self._look(data)
        link = _LINKS[data[0] % len(_LINKS)] if data else 1
        frames = [struct.pack("<IIII", n, 0, len(f), len(f)) + f for n, f in enumerate(datagrams(data), 1)]
        self._look(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link) + b"".join(frames))

    def _look(self, data: bytes) -> None:
        try:
            capture = read_bytes(data, "fuzzed")
        except CaptureError:
            return
        assert len(data) >= capture.frames * 12, "more frames than bytes"
        for evidence in capture.machines.values():
            said = [summary(evidence), *(step.label for step in spans(evidence))]
            for finding in explain(evidence):
                said += [finding.sentence, finding.cure, *finding.evidence]
            assert all(text.isprintable() for text in said), said


def captures() -> list[bytes]:
    """The beginnings of the scenes that show the rules."""
    from lab.testing.explain import console_cases, dhcp_cases, file_cases
    from lab.testing.explain.scene import CASES, Scene

    assert all((console_cases, dhcp_cases, file_cases))
    made = []
    for play in CASES.values():
        scene = Scene()
        play(scene, True)
        if 0 < len(scene.frames) <= 16:
            made.append(as_input(*(frame for _, frame in scene.frames)))
    return made
