"""The boot loader's environment: which slot it tries, and how many attempts each has left."""

from collections.abc import Mapping
from pathlib import Path

from lab.refos.guest.linux.command import run
from lab.refos.guest.model import PlatformError, Slot, SlotHealth, SlotName, Slots

ATTEMPTS = 3  # as boot.scr and RAUC count
_EXT4_MAGIC_AT = 0x438
_EXT4_MAGIC = b"\x53\xef"


def parse(text: str) -> dict[str, str]:
    """Read what fw_printenv prints."""
    pairs = (line.partition("=") for line in text.splitlines())
    return {key: value for key, equals, value in pairs if equals}


def health(left: str | None, *, written: bool) -> SlotHealth:
    """Say what the count of attempts of a slot means."""
    if not written:
        return SlotHealth.EMPTY
    if left is None or not left.isdecimal() or int(left) >= ATTEMPTS:
        return SlotHealth.GOOD
    return SlotHealth.TRIAL if int(left) > 0 else SlotHealth.BAD


def slots_of(
    environment: Mapping[str, str],
    booted: SlotName | None,
    versions: Mapping[SlotName, str | None],
) -> Slots:
    """Put together what is known; a version is None where nothing was written."""
    order = [SlotName(word) for word in environment.get("BOOT_ORDER", "").split() if word in ("A", "B")]
    found = {
        name: Slot(version or "", health(environment.get(f"BOOT_{name}_LEFT"), written=version is not None))
        for name, version in versions.items()
    }
    return Slots(booted, order[0] if order else None, found)


async def read() -> dict[str, str]:
    """Return the environment."""
    return parse(await run(["fw_printenv"]))


async def write(values: Mapping[str, str]) -> None:
    """Change variables, all in one copy: a power cut leaves the old or the new."""
    script = "".join(f"{key}={value}\n" for key, value in values.items())
    await run(["fw_setenv", "-s", "-"], stdin=script.encode())


def order_with(first: SlotName) -> str:
    """Return BOOT_ORDER with a slot in front."""
    return f"{first} {first.other}"


def has_file_system(device: Path) -> bool:
    """Whether a slot was ever written: there is an ext4 on it."""
    try:
        with device.open("rb") as file:
            file.seek(_EXT4_MAGIC_AT)
            return file.read(2) == _EXT4_MAGIC
    except OSError as error:
        raise PlatformError(f"{device} cannot be read: {error.strerror}") from None
