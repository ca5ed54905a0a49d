"""A schematic: what Image Factory shall put into an image of Talos, and its id.

The id is the SHA-256 of the schematic's canonical form: the YAML that Go writes of Image Factory's structure,
its fields in a fixed order, empty ones left out, `customization` always there (facts/os.md, section 3).
"""

import hashlib
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from lab.config.validate import validate
from lab.config.yamlfile import Document, read_yaml
from lab.errors import ConfigError
from lab.machineconfig.yamltext import NotYaml, Plain, read_documents
from lab.systems.talos.goyaml import go_yaml, sorted_keys

_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/@-]{0,199}")
_OTHER_BREAKS = re.compile("[\u2028\u2029\ufeff]")  # Go writes them so that YAML reads something else


def _text(value: str) -> str:
    if _OTHER_BREAKS.search(value):
        raise ValueError("holds U+2028, U+2029 or U+FEFF; break lines with a newline")
    if "\n" in value and value[0] in " \t\r\n\x85":
        raise ValueError("has several lines and begins with a blank; let it begin with a word")
    return value


def _bootloader(value: object) -> object:
    """Names are taken in any case; `none`, and the documentation's `auto`, are the same as nothing."""
    word = value.lower() if isinstance(value, str) else value
    return "" if word in ("none", "auto") else word


_Text = Annotated[str, AfterValidator(_text)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Overlay(_Part):
    """What a board needs beside Talos itself: its boot loader, kernel arguments and device tree."""

    image: _Text = Field(
        default="", description="the overlay's image", examples=["siderolabs/sbc-raspberrypi"]
    )
    name: _Text = Field(default="", description="its name in that image", examples=["rpi_generic"])
    options: dict[str, Any] = Field(
        default={}, description="what the overlay itself can be told", examples=["{configTxt: ...}"]
    )


class MetaValue(_Part):
    """A value in the META partition of a disk image."""

    key: Annotated[int, Field(ge=1, le=255)] = Field(description="its number", examples=[10])
    value: _Text = Field(description="its value", examples=["node-1"])


class SystemExtensions(_Part):
    """Extensions that are built in."""

    officialExtensions: list[_Text] = Field(
        default=[], description="their names", examples=["[siderolabs/gvisor]"]
    )


class SecureBoot(_Part):
    """UEFI Secure Boot."""

    enrollKeys: Literal["", "off", "manual", "if-safe", "force"] = Field(
        default="", description="how keys are enrolled: off, manual, if-safe, force"
    )
    includeWellKnownCertificates: bool = Field(
        default=False, description="whether the usual certificates are enrolled, too"
    )


class DiskImage(_Part):
    """The disk image."""

    sectorSize: Annotated[int, Field(ge=0, le=65536)] = Field(
        default=0, description="bytes of a sector", examples=[4096]
    )


class Customization(_Part):
    """What differs from an image without any."""

    embeddedMachineConfiguration: _Text = Field(
        default="", description="a machine configuration that is part of the image"
    )
    extraKernelArgs: list[_Text] = Field(
        default=[], description="kernel arguments", examples=["[net.ifnames=0]"]
    )
    meta: list[MetaValue] = Field(
        default=[], description="values of META", examples=["[{key: 10, value: x}]"]
    )
    systemExtensions: SystemExtensions = Field(
        default=SystemExtensions(),
        description="extensions that are built in",
        examples=["{officialExtensions: [siderolabs/gvisor]}"],
    )
    bootloader: Annotated[Literal["", "dual-boot", "grub", "sd-boot"], BeforeValidator(_bootloader)] = Field(
        default="", description="auto, dual-boot, grub or sd-boot"
    )
    secureboot: SecureBoot = Field(default=SecureBoot(), description="UEFI Secure Boot")
    diskImage: DiskImage = Field(default=DiskImage(), description="the disk image")


class Schematic(_Part):
    """What Image Factory shall put into an image."""

    owner: _Text = Field(default="", description="who may use it; of the enterprise tier")
    overlay: Overlay = Field(default=Overlay(), description="the board's overlay")
    customization: Customization = Field(default=Customization(), description="what is put in")

    @property
    def canonical(self) -> str:
        """The YAML that Image Factory keeps, byte for byte."""
        raw: dict[str, Any] = {"owner": self.owner} if self.owner else {}
        if self.overlay != Overlay():  # its image and its name are written even where one of them is empty
            raw["overlay"] = {"image": self.overlay.image, "name": self.overlay.name}
            if self.overlay.options:
                raw["overlay"]["options"] = sorted_keys(self.overlay.options)
        raw["customization"] = _without_empty(self.customization.model_dump())
        return go_yaml(raw)

    @property
    def id(self) -> str:
        """Its id: 64 hexadecimal digits."""
        return hashlib.sha256(self.canonical.encode()).hexdigest()


VANILLA = Schematic()  # without any customization


def read_schematic(path: Path) -> Schematic:
    """Return the schematic in a YAML (or JSON) file. Raises ConfigError, faults as `FILE:LINE: sentence`."""
    return _checked(read_yaml(path))


def parse_schematic(text: str, where: str = "schematic") -> Schematic:
    """Return the schematic in `text`; `where` names it in messages. Raises ConfigError as read_schematic."""
    try:
        found = read_documents(text)
    except NotYaml as exc:
        raise ConfigError([f"{where}:{exc.line}: {exc.reason}"]) from exc
    if len(found) != 1:
        raise ConfigError([f"{where}:1: {len(found)} documents; a schematic is one"])
    return _checked(Document(found[0].data, found[0].lines, found[0].faults, Path(where)))


def _checked(document: Document) -> Schematic:
    schematic = validate(document, Schematic)
    data = document.data
    overlay = data.get("overlay") if isinstance(data, dict) else None
    if isinstance(overlay, dict):
        _check_options(document, overlay.get("options"), ("overlay", "options"))
    document.raise_faults()
    assert schematic is not None
    return schematic


def _check_options(document: Document, value: Any, where: tuple[str | int, ...]) -> None:
    """Options are free, but must mean the same to Go's reader, which takes 0644 and 1:30 for numbers."""
    if isinstance(value, dict):
        for key, item in value.items():
            if not _KEY.fullmatch(key) or re.search(r"\d{18}", key):
                document.fault((*where, key), "a key has letters, digits and _ . : / @ - only")
            _check_options(document, item, (*where, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _check_options(document, item, (*where, number))
    elif isinstance(value, Plain):
        document.fault(where, f"{str(value)!r} is text here and something else to others: put it in quotes")
    elif isinstance(value, str):
        try:
            _text(value)
        except ValueError as exc:
            document.fault(where, str(exc))


def _without_empty(value: Any) -> Any:
    """Without what is empty, zero or false, at every level; items of lists stay as they are."""
    if not isinstance(value, dict):
        return value
    kept = {key: _without_empty(item) for key, item in value.items()}
    return {key: item for key, item in kept.items() if item not in ("", 0, False, [], {}, None)}
