"""From a place's configuration to its drivers."""

from typing import Any

from lab.drivers.context import DriverContext
from lab.errors import ConfigError
from lab.interfaces import ByteStream, PowerPort
from lab.model import BoardType, DriverConfig, Place
from lab.registry import POWER, STREAM, load
from lab.sandbox import Sandbox


def build_drivers(
    place: Place, board_type: BoardType, sandbox: Sandbox | None = None
) -> tuple[PowerPort, ByteStream]:
    """Return the power switch and the console of a place; neither is touched yet.

    Emulated boards run in `sandbox` where one is given. Raises ConfigError for an unknown kind of driver or
    options that it does not take.
    """
    context = DriverContext(place=place, board_type=board_type, sandbox=sandbox)
    context.power = _build("power", POWER, place.power, context)
    console: ByteStream = _build("console", STREAM, place.console, context)
    return context.power, console


def _build(role: str, table: dict[str, str], config: DriverConfig, context: DriverContext) -> Any:
    where = f"place {context.place.name}: {role}"
    if config.kind not in table:
        raise ConfigError([f"{where}: there is no driver {config.kind!r}; there are {', '.join(table)}"])
    driver = load(table[config.kind])
    try:
        if hasattr(driver, "for_place"):
            return driver.for_place(config.options, context)
        return driver(**config.options)
    except TypeError as exc:
        raise ConfigError([f"{where}: options of {config.kind} are wrong: {exc}"]) from exc
