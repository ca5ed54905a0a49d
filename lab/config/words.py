"""Words of the files that people write, for pydantic: addresses, names, ports, and the base of all parts."""

import re
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pxe.errors import PlanError
from pxe.plan import normalise_mac


def _mac(text: str) -> str:
    try:
        return normalise_mac(text)
    except PlanError as exc:
        raise ValueError(str(exc)) from exc


def _address(text: str) -> str:
    try:
        return str(IPv4Address(text))
    except ValueError:
        raise ValueError(f"{text!r} is not an IPv4 address; write it like 10.99.0.100") from None


def _interface(text: str) -> str:
    try:
        if "/" not in text:
            raise ValueError
        return str(IPv4Interface(text))
    except ValueError:
        raise ValueError(f"{text!r} is not an address with its prefix; write it like 10.99.0.1/24") from None


def _network(text: str) -> str:
    try:
        return str(IPv4Network(text))
    except ValueError:
        raise ValueError(f"{text!r} is not a network; write it like 10.99.0.0/24") from None


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as exc:
        raise ValueError(f"{text!r} is not a regular expression: {exc}") from None
    return text


def _one_driver(value: dict[str, Any]) -> dict[str, Any]:
    if len(value) != 1:
        raise ValueError("name exactly one driver, with its options, like {serial: {url: /dev/ttyUSB0}}")
    return value


Mac = Annotated[str, AfterValidator(_mac)]
Address = Annotated[str, AfterValidator(_address)]
Interface = Annotated[str, AfterValidator(_interface)]
Network = Annotated[str, AfterValidator(_network)]
ArchName = Literal["x86", "x86_64", "arm", "arm64", "riscv64"]
FirmwareName = Literal[
    "bios-pxe", "uefi-pxe", "uefi-http", "ipxe", "u-boot", "raspberry-pi"
]  # pxe.plan.Firmware, those that boot
LoaderKind = Literal["bios", "x86", "x86_64", "arm", "arm64", "riscv64"]  # pxe.boot.loaders.KINDS
Pattern = Annotated[str, AfterValidator(_pattern)]
Port = Annotated[int, Field(ge=1, le=65535)]
Driver = Annotated[dict[str, dict[str, Any]], AfterValidator(_one_driver)]


class Part(BaseModel):
    """Base of all parts: unknown keys are errors, and nothing is converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
