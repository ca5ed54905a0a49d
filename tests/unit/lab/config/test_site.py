import json
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.config import default_site, load_site
from lab.config.__main__ import schema_text
from lab.config.yamlfile import read_yaml
from lab.errors import ConfigError
from lab.model import DriverConfig
from pxe.plan import (
    Action,
    Arch,
    Asset,
    BootPlan,
    Firmware,
    Machine,
    Selector,
    Transport,
    UnknownMachines,
)
from pxe.settings import ApiSettings

ROOT = Path(__file__).parents[4]

GOOD = """\
service:
  interface: eth1
  address: 10.99.0.1/24
  dhcp:
    pool: {start: 10.99.0.100, end: 10.99.0.199}
    router: 10.99.0.254
    dns: [10.99.0.1, 9.9.9.9]
  tftp: {root: files}
  http: {port: 8080}
  api: {socket: api.sock}
plans:
  linux:
    kernel: {path: files/Image}
    initrd: {path: files/ird.gz, name: debian/initrd.gz}
    cmdline: console=ttyAMA0
    texts: {hello.txt: "from {server}"}
places:
  qemu1:
    board: qemu-virt-arm64
    mac: 52-54-00-12-34-56
    power: {qemu: {}}
    console: {serial: {url: /dev/ttyUSB0, baudrate: 9600}}
    power_off_seconds: 2
    ip: 10.99.0.11
    plan: linux
machines:
  - {mac: 52:54:00:12:34:57, name: spare, plan: linux}
  - {mac: "525400123458"}
"""


@pytest.fixture
def load(tmp_path):
    (tmp_path / "files").mkdir()
    for name in ("Image", "ird.gz"):
        (tmp_path / "files" / name).write_bytes(b"x")

    def load(text):
        path = tmp_path / "lab.yaml"
        path.write_text(text)
        return load_site(path)

    return load


def faults(load, text):
    with pytest.raises(ConfigError) as caught:
        load(text)
    return [line.partition("lab.yaml:")[2] for line in caught.value.faults]


def faults_of(path):
    try:
        load_site(path)
    except ConfigError as exc:
        return exc.faults
    return []


def change(old, new):
    assert old in GOOD
    return GOOD.replace(old, new, 1)


def test_a_good_file(load, tmp_path):
    site = load(GOOD)
    (dhcp,) = site.service.dhcp
    assert dhcp.interface == "eth1"
    assert dhcp.address == IPv4Interface("10.99.0.1/24")
    assert [pool.first for pool in dhcp.own.ranges] == [IPv4Address("10.99.0.100")]
    assert dhcp.own.router == IPv4Address("10.99.0.254")
    assert dhcp.own.dns == (IPv4Address("10.99.0.1"), IPv4Address("9.9.9.9"))
    assert site.service.tftp.listen == site.service.http.listen == IPv4Address("10.99.0.1")
    assert site.service.tftp.root == tmp_path / "files"
    assert site.service.http.port == 8080
    assert site.service.api == ApiSettings(socket=tmp_path / "api.sock")
    assert site.service.state_dir == tmp_path / "state"
    assert site.results == tmp_path / "results"
    assert site.plans == (
        BootPlan(
            name="linux",
            kernel=Asset("Image", tmp_path / "files" / "Image"),
            initrd=Asset("debian/initrd.gz", tmp_path / "files" / "ird.gz"),
            cmdline="console=ttyAMA0",
            texts={"hello.txt": "from {server}"},
        ),
    )
    assert site.machines == (
        Machine(mac="52:54:00:12:34:57", name="spare", plan="linux"),
        Machine(mac="52:54:00:12:34:58"),
        Machine(mac="52:54:00:12:34:56", name="qemu1", ip=IPv4Address("10.99.0.11"), plan="linux"),
    )
    place = site.place("qemu1")
    assert place.mac == "52:54:00:12:34:56"
    assert place.power == DriverConfig(kind="qemu")
    assert place.console == DriverConfig(kind="serial", options={"url": "/dev/ttyUSB0", "baudrate": 9600})
    assert place.power_off_seconds == 2.0
    assert site.place("qemu2") is None


def test_loaders_by_kind(load, tmp_path):
    text = change("  http: {port: 8080}", "  loaders: {x86_64: files/Image}")
    assert load(text).service.loaders == {"x86_64": tmp_path / "files" / "Image"}
    assert "service.loaders.x86" in faults(load, text.replace("x86_64:", "x86-64:"))[0]


def test_parts_that_are_left_out_are_off(load):
    service = load("service: {interface: eth1, address: 10.0.0.1/8}").service
    assert (service.dhcp, service.tftp, service.http) == ((), None, None)


FOUR_FAULTS = """\
service:
  interface: eth1
  address: 10.99.0.1/24
  dhcp:
    pool: {start: 10.99.0.200, end: 10.99.0.100}
places:
  pi:
    board: raspberry-9
    mac: 52:54:00:12:34
    power: {qemu: {}}
    console: {qemu: {}}
    pwoer_off_seconds: 3
"""


def test_four_faults_are_reported_at_once_with_their_lines(load):
    found = faults(load, FOUR_FAULTS)
    expected = [
        "5: service.dhcp.pool.end: 10.99.0.100 is before the pool's start 10.99.0.200; exchange them",
        "8: places.pi.board: there is no board type 'raspberry-9'; there are ",
        "9: places.pi.mac: '52:54:00:12:34' is not a MAC address; write it like 52:54:00:12:34:56",
        "12: places.pi.pwoer_off_seconds: unknown key; did you mean 'power_off_seconds'? there are ",
    ]
    assert [line.startswith(start) for line, start in zip(found, expected, strict=True)] == [True] * 4, found


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("  interface: eth1\n", "", "1: service.interface: is missing: the network interface of the board"),
        ("eth1", '""', '2: service.interface: "" String should have at least 1 character'),
        ("10.99.0.1/24", "10.99.0.1", "3: service.address: '10.99.0.1' is not an address with its prefix"),
        ("start: 10.99.0.100", "start: 10.98.0.1", "5: service.dhcp.pool.start: 10.98.0.1 is outside 10.9"),
        ("start: 10.99.0.100", "start: 10.99.0.1", "5: service.dhcp.pool.start: the pool contains our own"),
        ("end: 10.99.0.199", "end: 10.99.0.400", "5: service.dhcp.pool.end: '10.99.0.400' is not an IPv4"),
        ("end: 10.99.0.199", "stop: 10.99.0.199", "5: service.dhcp.pool.end: is missing: last address of"),
        ("{root: files}", "{root: nowhere}", "8: service.tftp.root: there is no folder nowhere"),
        ("port: 8080", "port: 80800", "9: service.http.port: 80800 should be less than or equal to 65535"),
        ("port: 8080", "port: '80'", '9: service.http.port: must be a whole number, not "80": TCP port'),
        ("port: 8080", "port: true", "9: service.http.port: must be a whole number, not true: TCP port"),
        ("path: files/Image", "path: Imgae", "13: plans.linux.kernel.path: there is no file Imgae"),
        ("{path: files/Image}", "files/Image", '13: plans.linux.kernel: must be keys with values, not "fi'),
        ("debian/initrd.gz", "../etc/passwd", "14: plans.linux.initrd: name '../etc/passwd'"),
        ("ttyAMA0", "ttyAMA0;${x}", "15: plans.linux.cmdline: '$' is syntax to the U-Boot shell"),
        ("  qemu1:", "  Qemu 1:", "18: places.Qemu 1: a place's name has 1 to 20 of a-z"),
        ("power: {qemu: {}}", "power: {qemu: {}, x: {}}", "21: places.qemu1.power: name exactly one drive"),
        ("power: {qemu: {}}", "power: {pdu: {}}", "21: places.qemu1.power.pdu: there is no such driver"),
        ("{qemu: {}}", "{qemu: [1]}", "21: places.qemu1.power.qemu: must be keys with values, not a list"),
        ("power_off_seconds: 2", "power_off_seconds: -1", "23: places.qemu1.power_off_seconds: -1 should "),
        ("ip: 10.99.0.11", "ip: 10.99.0.1", "24: places.qemu1.ip: 10.99.0.1 is taken by service.address"),
        ("    plan: linux", "    plan: lunix", "25: places.qemu1.plan: there is no plan 'lunix'; there ar"),
        ("34:57", "34:56", "20: places.qemu1.mac: 52:54:00:12:34:56 is taken by machines[0].mac"),
        ('{mac: "525400123458"}', "{mac: 01:00:5e:00:00:01}", "28: machines[1].mac: 01:00:5e:00:00:01: a "),
        ('{mac: "525400123458"}', "{mac: 5}", "28: machines[1].mac: must be text, not 5: its MAC address,"),
        ('{mac: "525400123458"}', "nothing", '28: machines[1]: must be keys with values, not "nothing"'),
    ],
)  # fmt: skip
def test_each_fault_says_where_and_what_would_be_right(load, old, new, expected):
    found = faults(load, change(old, new))
    assert [line for line in found if line.startswith(expected)], found


@pytest.mark.parametrize("text", ["- a\n- b\n", "nonsense", "12"])
def test_a_file_that_is_no_site_at_all(load, text):
    assert faults(load, text)[0].startswith("1: must be keys with values")


def test_a_mac_of_digits_only_is_no_number(load):
    assert load(change("52:54:00:12:34:57", "10:20:30:40:50:59")).machines[0].mac == "10:20:30:40:50:59"


def test_paths_do_not_depend_on_the_working_folder(load, tmp_path, monkeypatch):
    load(GOOD)
    monkeypatch.chdir(tmp_path.parent)
    relative = Path(tmp_path.name) / "lab.yaml"
    assert load_site(relative).plans[0].kernel.path == tmp_path / "files" / "Image"


_SECTIONS = ["service", "plans", "places", "machines", "dhcp", "pool", "tftp", "power", "console", "qemu"]
_WORDS = [
    "mac",
    "ip",
    "plan",
    "address",
    "start",
    "end",
    "interface",
    "kernel",
    "path",
    "files",
    "board",
    "x",
]
_KEYS = st.sampled_from(_SECTIONS + _WORDS)
_LEAVES = st.sampled_from(["52:54:00:12:34:56", "10.99.0.1/24", "10.99.0.7", "x", "", 0, -1, 1.5, True, None])
_TREES = st.recursive(_LEAVES, lambda t: st.lists(t, max_size=3) | st.dictionaries(_KEYS, t, max_size=4))


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(_KEYS, _TREES, max_size=6))
def test_any_tree_is_a_site_or_a_config_error(tmp_path_factory, tree):
    path = tmp_path_factory.getbasetemp() / "tree.yaml"
    path.write_text(yaml.safe_dump(tree))
    assert all(line.startswith(f"{path}:") for line in faults_of(path))


def test_the_example_fits_the_schema_that_we_ship():
    schema = json.loads((ROOT / "docs" / "lab.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    example = read_yaml(ROOT / "lab.example.yaml").data
    jsonschema.validate(example, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**example, "plnas": {}}, schema)


def test_the_schema_is_up_to_date():
    shipped = (ROOT / "docs" / "lab.schema.json").read_text()
    assert shipped == schema_text(), "run: python -m lab.config > docs/lab.schema.json"


def test_the_example_loads(tmp_path):
    """Its files are those of a Debian package, which may be absent here: then that is all it complains of."""
    others = [
        line
        for line in faults_of(ROOT / "lab.example.yaml")
        if "there is no file /usr/lib/debian-installer" not in line
    ]
    assert others == []


def test_the_default_site_needs_no_file(tmp_path):
    site = default_site(tmp_path / "r")
    (place,) = site.places
    (machine,) = site.machines
    assert (place.name, place.board_type) == ("qemu1", "qemu-virt-arm64")
    assert (machine.mac, machine.plan) == (place.mac, None)
    (dhcp,) = site.service.dhcp
    assert dhcp.own.ranges[0].last in dhcp.address.network
    assert site.results == tmp_path / "r"


ALL = GOOD.replace(
    "plans:\n",
    """\
  unknown: boot
  discovery: disk
rules:
  pis: {when: {mac: B8-27-EB, firmware: raspberry-pi, tags: [lab]}, plan: pi}
  x86: {when: {arch: x86_64, network: 10.99.0.0/24, uuid: 4c4c4544-0051-3610-8052-b4c04f4e3732}, plan: linux}
plans:
  disk: {action: local}
  pi:
    tree: files
    arch: arm64
    kernel: {path: files/Image, sha256: %s}
    transport: tftp
    then: disk
    templates: {ipxe: "#!ipxe"}
  grub: {loader: {path: files/Image, name: grubx64.efi}}
"""
    % ("a" * 64),
).replace("name: spare, plan: linux", "name: spare, hold: true, serial: abc, tags: [lab, x]")


def test_every_word_of_plans_rules_and_machines_arrives(load, tmp_path):
    site = load(ALL)
    assert (site.service.unknown, site.service.discovery) == (UnknownMachines.BOOT, "disk")
    plans = {plan.name: plan for plan in site.plans}
    assert plans["disk"] == BootPlan(name="disk", action=Action.LOCAL)
    assert plans["pi"] == BootPlan(
        name="pi",
        tree=tmp_path / "files",
        arch=Arch.ARM64,
        kernel=Asset("Image", tmp_path / "files" / "Image", "a" * 64),
        transport=Transport.TFTP,
        then="disk",
        templates={"ipxe": "#!ipxe"},
    )
    assert plans["grub"].loader == Asset("grubx64.efi", tmp_path / "files" / "Image")
    pis, x86 = site.rules
    assert pis.when == Selector(mac="b8:27:eb", firmware=Firmware.RASPBERRY_PI, tags=frozenset({"lab"}))
    assert (x86.when.network, x86.when.arch) == (IPv4Network("10.99.0.0/24"), Arch.X86_64)
    spare = site.machines[0]
    assert (spare.hold, spare.serial, spare.tags) == (True, "abc", frozenset({"lab", "x"}))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("unknown: boot", "unknown: record", "12: service.discovery: unknown machines boot nothing here"),
        ("discovery: disk", "discovery: dsk", "12: service.discovery: there is no plan 'dsk'"),
        ("discovery: disk", "discovery: pi", "12: service.discovery: plan pi has a `then`"),
        ("mac: B8-27-EB", "mac: B8-27-E", "14: rules.pis.when: mac 'b8:27:e': write whole bytes"),
        ("plan: pi}", "plan: pie}", "14: rules.pis.plan: there is no plan 'pie'"),
        ("10.99.0.0/24", "10.99.0.1/24", "15: rules.x86.when.network: '10.99.0.1/24' is not a network"),
        ("firmware: rasp", "firmware: bios", '14: rules.pis.when.firmware: "biosberry-pi" should be '),
        ("mac: B8-27-EB, firmware: raspberry-pi, tags: [lab]", "", "14: rules.pis.when: selects every mach"),
        ("action: local", "action: lokal", '17: plans.disk.action: "lokal" should be '),
        (
            "action: local",
            "cmdline: x",
            "17: plans.disk: kernel: missing: a plan boots a kernel, a loader or",
        ),
        ("tree: files", "tree: file", "19: plans.pi.tree: "),
        ("a" * 64, "abc", "21: plans.pi.kernel: sha256 'abc': write 64 hexadecimal digits"),
        ("then: disk", "then: pi", "23: plans.pi.then: pi -> pi goes round in circles"),
        ("then: disk", "then: disc", "23: plans.pi.then: there is no plan 'disc'"),
        ("{ipxe:", "{lilo:", "24: plans.pi.templates: 'lilo': there are templates of"),
        ("tags: [lab, x]", "tags: ['a b']", "41: machines[0].tags: 'a b': use 1 to 64 letters"),
        ("serial: abc", "uuid: abc", "41: machines[0].uuid: 'abc': write it like"),
    ],
)
def test_each_fault_of_plans_and_rules_says_where(load, old, new, expected):
    assert ALL.count(old) == 1, old
    found = faults(load, ALL.replace(old, new))
    assert [line for line in found if line.startswith(expected)], found


def test_rules_that_tie_are_a_fault(load):
    found = faults(
        load,
        ALL.replace(
            "  x86:", "  twin: {when: {mac: b8:27:eb, firmware: raspberry-pi, tags: [x]}, plan: pi}\n  x86:"
        ),
    )
    assert found == [f for f in found if f.startswith("13: rules.when: ") or f.startswith("13: rules: ")], (
        found
    )
