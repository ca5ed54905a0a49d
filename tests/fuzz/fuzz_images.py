"""What comes in beside the wire: schematics that people and machines send, and archives of images."""

import io
import json
from pathlib import Path

from fuzz_targets import as_input, datagrams

from lab.errors import ConfigError
from lab.systems.talos.schematic import Overlay, parse_schematic
from pxe.assets.archive import Reader, header, index_name, index_of, padding
from pxe.assets.manifest import ImageName, Manifest, Part
from pxe.errors import ChecksumError

DATA = Path(__file__).parents[1] / "data" / "talos"


class Schematics:
    """Each datagram is a schematic, or a fault with its line; what we would send means the same again."""

    def __init__(self, folder: Path) -> None:
        """The folder is for others."""

    def forget(self) -> None:
        """There is nothing to forget."""

    def __call__(self, data: bytes) -> None:
        """One input."""
        for raw in datagrams(data):
            try:
                found = parse_schematic(raw.decode("utf-8", "replace"), "s")
            except ConfigError as exc:
                assert all(fault.startswith("s:") for fault in exc.faults)  # noqa: PT017
                continue
            assert len(found.id) == 64
            if found.overlay == Overlay():  # options are free, and Go writes some that we read otherwise
                assert parse_schematic(found.canonical).id == found.id


class Archives:
    """Each datagram is an index with a name that fits, and an archive as it is: images with plain names, or a
    sentence."""

    def __init__(self, folder: Path) -> None:
        """The folder is for others."""

    def forget(self) -> None:
        """There is nothing to forget."""

    def __call__(self, data: bytes) -> None:
        """One input."""
        for raw in datagrams(data):
            self._read(header(index_name(raw), len(raw)) + raw + padding(len(raw)))
            self._read(raw)

    def _read(self, archive: bytes) -> None:
        try:
            found = Reader(io.BytesIO(archive), "a").index()
        except ChecksumError as exc:
            assert "\n" not in str(exc)  # noqa: PT017
            return
        for manifest in found:
            assert manifest.parts
            for name in (
                *str(manifest.image).split("/"),
                *manifest.parts,
                *(p.file for p in manifest.parts.values()),
            ):
                assert name not in ("", ".", "..")
                assert "/" not in name


def schematics() -> list[bytes]:
    """Inputs to begin with."""
    texts = list(json.loads((DATA / "ids.json").read_text()))
    words = json.loads((DATA / "goyaml.json").read_text())
    texts += [
        json.dumps({"customization": {"extraKernelArgs": found["k"]}})
        for found, _ in words[:20]
        if "k" in found
    ]
    texts += [
        "overlay: {image: i, name: n, options: {a: [1, {b: null}], c: 1.5}}",
        "customization: {bootloader: GRUB}",
    ]
    return [as_input(text.encode()) for text in texts]


def archives() -> list[bytes]:
    """Inputs to begin with."""
    part = Part(file="linux", sha256="ab" * 32, size=5, source="linux", checked=("sha256 (given)",))
    made = []
    for number in range(12):
        image = ImageName(f"n{number}", "1+x", "arm64")
        index = index_of([Manifest(image=image, parts={"kernel": part, f"p{number}": part}, added="now")])
        made += [index, header(index_name(index), len(index)) + index + padding(len(index)) + bytes(1024)]
    return [as_input(raw) for raw in made]
