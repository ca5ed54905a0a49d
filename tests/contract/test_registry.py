"""Every driver in the registry, imported and held against its interface."""

import inspect

import pytest

from lab.drivers.build import build_drivers
from lab.errors import ConfigError
from lab.interfaces import ByteStream, PowerPort
from lab.model import BoardType, DriverConfig, Place
from lab.registry import POWER, STREAM, SYSTEM, load
from lab.systems.interface import OperatingSystem

TABLES = {"power": (POWER, PowerPort), "stream": (STREAM, ByteStream), "system": (SYSTEM, OperatingSystem)}
ENTRIES = [(table, kind, interface) for table, (kinds, interface) in TABLES.items() for kind in kinds]


def methods_of(interface):
    return {
        name: member
        for name, member in vars(interface).items()
        if inspect.isfunction(member) and not name.startswith("_")
    }


@pytest.mark.parametrize(("table", "kind", "interface"), ENTRIES)
def test_has_what_its_interface_asks_for(table, kind, interface):
    driver = load(TABLES[table][0][kind])
    for name, wanted in methods_of(interface).items():
        offered = getattr(driver, name, None)
        assert offered is not None, f"{driver.__name__} has no {name}"
        names = list(inspect.signature(wanted).parameters)
        assert list(inspect.signature(offered).parameters)[: len(names)] == names
        extra = list(inspect.signature(offered).parameters.values())[len(names) :]
        assert all(p.default is not inspect.Parameter.empty for p in extra)


@pytest.mark.parametrize(("table", "kind", "interface"), ENTRIES)
def test_says_what_it_is_for(table, kind, interface):
    assert load(TABLES[table][0][kind]).__doc__


QEMU = {"binary": "q", "machine": "virt", "cpu": "c", "memory": 64, "firmware": "f"}


def place(power="qemu", console="qemu", **options):
    return Place(
        name="p1",
        board_type="b",
        mac="52:54:00:00:00:01",
        power=DriverConfig(kind=power),
        console=DriverConfig(kind=console, options=options),
    )


def board_type(qemu=QEMU):
    return BoardType(name="b", arch="arm64", title="b", qemu=qemu)


def test_built_drivers_are_what_they_should_be():
    power, console = build_drivers(place(), board_type())
    assert isinstance(power, PowerPort)
    assert isinstance(console, ByteStream)
    assert power.is_on() is False


def test_a_serial_console_beside_an_emulated_board():
    _, console = build_drivers(place(console="serial", url="/dev/ttyUSB7"), board_type())
    assert isinstance(console, ByteStream)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (place(power="magic"), "place p1: power: there is no driver 'magic'; there are qemu"),
        (
            place(console="magic"),
            "place p1: console: there is no driver 'magic'; there are qemu, process, replay, serial",
        ),
        (place(console="serial", baud=9600), "place p1: console: options of serial are wrong: .*baud"),
        (place(console="qemu", url="x"), "place p1: .*no options"),
    ],
)
def test_wrong_configuration_is_said_so(wrong, sentence):
    with pytest.raises(ConfigError, match=sentence):
        build_drivers(wrong, board_type())
