from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pxe.boot.catalogue import Catalogue
from pxe.boot.classify import Client
from pxe.boot.files import FileRoot
from pxe.boot.offer import MachineDirectory
from pxe.boot.render import Scene, boot_script, pxelinux_config
from pxe.boot.requester import Requester
from pxe.boot.snapshot import Snapshot
from pxe.boot.uimage import script_image
from pxe.errors import RefusalReason, RequestRefused
from pxe.plan import Arch, Asset, BootPlan, Firmware, Machine

SERVER = IPv4Address("10.99.0.1")
MAC, IDLE, STRAY = "52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:03"


@pytest.fixture
def plan(tmp_path):
    for name, size in (("linux", 1000), ("initrd", 20)):
        (tmp_path / name).write_bytes(bytes(size))
    return BootPlan(
        name="p",
        kernel=Asset("debian/linux", tmp_path / "linux"),
        initrd=Asset("debian/initrd.gz", tmp_path / "initrd"),
        cmdline="console=ttyAMA0 url=http://{server}/preseed.cfg",
        texts={"preseed.cfg": "mirror {server} é\n"},
    )


@pytest.fixture
def catalogue(plan, tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "everybody.txt").write_text("hello")
    machines = [
        Machine(mac=MAC, ip=IPv4Address("10.99.0.50"), plan="p"),
        Machine(mac=IDLE),
        Machine(mac=STRAY, plan="gone"),
    ]
    snapshot = Snapshot({m.mac: m for m in machines}, {"p": plan})
    return Catalogue(snapshot, FileRoot(tmp_path / "root"))


def by(mac):
    return Requester(mac=mac, server=SERVER)


def refusal(catalogue, name, mac=MAC):
    with pytest.raises(RequestRefused) as caught:
        catalogue.resolve(name, by(mac))
    return caught.value


def test_is_a_machine_directory(catalogue):
    directory: MachineDirectory = catalogue
    assert directory.machine(MAC).plan == "p"
    assert directory.machine("52:54:00:ff:ff:ff") is None
    assert directory.reserved_for(IPv4Address("10.99.0.50")) == MAC
    assert directory.reserved_for(IPv4Address("10.99.0.51")) is None


@pytest.mark.parametrize("firmware", list(Firmware))
def test_only_u_boot_gets_the_script_and_only_with_a_plan(catalogue, firmware):
    client = Client(mac=MAC, arch=Arch.ARM64, firmware=firmware)
    assert catalogue.bootfile(MAC, client) == ("boot.scr.uimg" if firmware is Firmware.UBOOT else "")
    for mac in (IDLE, STRAY, "52:54:00:ff:ff:ff"):
        assert catalogue.bootfile(mac, client) == ""


@pytest.mark.parametrize("name", ["debian/linux", "/debian/linux", "debian\\linux", "./debian//linux"])
def test_assets_by_any_way_of_writing(catalogue, plan, name):
    found = catalogue.resolve(name, by(MAC))
    assert (found.path, found.data, found.mac, found.name) == (plan.kernel.path, None, MAC, name)


def test_the_boot_script_holds_the_sizes_of_now(catalogue, plan):
    def image():
        sizes = {a.name: a.path.stat().st_size for a in plan.assets()}
        newest = max(a.path.stat().st_mtime_ns for a in plan.assets()) // 10**9
        return script_image(
            boot_script(plan, sizes, Scene(server=SERVER, mac=MAC)), name="bootlab p", timestamp=newest
        )

    assert catalogue.resolve("boot.scr.uimg", by(MAC)).data == image()
    plan.kernel.path.write_bytes(b"longer" * 1000)
    assert catalogue.resolve("boot.scr.uimg", by(MAC)).data == image()
    assert catalogue.script_for(MAC, Scene(server=SERVER)).encode() in image()


def test_a_missing_file_is_said_on_the_console(catalogue, plan):
    plan.initrd.path.unlink()
    data = catalogue.resolve("boot.scr.uimg", by(MAC)).data
    assert b"bootlab: cannot boot: plan p: on the server" in data
    assert b"No such file" in data
    assert b"tftpboot" not in data
    refused = refusal(catalogue, "debian/initrd.gz")
    assert refused.reason is RefusalReason.NOT_FOUND
    assert str(plan.initrd.path) in str(refused)


@pytest.mark.parametrize("name", ["pxelinux.cfg/default", "pxelinux.cfg/01-52-54-00-00-00-01"])
def test_pxelinux_by_identity(catalogue, plan, name):
    found = catalogue.resolve(name, by(MAC))
    assert found.data.decode() == pxelinux_config(plan, {}, Scene(server=SERVER, mac=MAC))
    assert found.mac == MAC


def test_pxelinux_by_name_for_a_client_we_do_not_know(catalogue, plan):
    found = catalogue.resolve("pxelinux.cfg/01-52-54-00-00-00-01", by(None))
    assert found.data.decode() == pxelinux_config(plan, {}, Scene(server=SERVER, mac=MAC))
    assert found.mac is None
    refusal(catalogue, "pxelinux.cfg/01-52-54-00-00-00-02", None)
    refusal(catalogue, "pxelinux.cfg/default", None)


def test_nobody_gets_the_pxelinux_file_of_another_by_identity(catalogue):
    refusal(catalogue, "pxelinux.cfg/01-52-54-00-00-00-01", IDLE)
    refusal(catalogue, "pxelinux.cfg/01-52-54-00-00-00-02", MAC)


def test_texts_go_to_their_machine_only_and_know_the_server(catalogue):
    assert catalogue.resolve("preseed.cfg", by(MAC)).data == "mirror 10.99.0.1 é\n".encode()
    for mac in (None, IDLE, STRAY):
        refusal(catalogue, "preseed.cfg", mac)


@pytest.mark.parametrize("mac", [MAC, IDLE, None])
def test_the_folder_for_everybody(catalogue, tmp_path, mac):
    assert catalogue.resolve("everybody.txt", by(mac)).path == tmp_path / "root" / "everybody.txt"
    assert refusal(catalogue, "../linux", mac).reason is RefusalReason.FORBIDDEN
    assert refusal(catalogue, "dtb/", mac).reason is RefusalReason.NOT_FOUND


@pytest.mark.parametrize(
    ("mac", "reason"),
    [
        (None, "no machine is known"),
        (MAC, "plan p of machine 52:54:00:00:00:01 has no such file"),
        (IDLE, "has no plan"),
        (STRAY, "machine names the plan gone, which does not exist"),
        ("52:54:00:ff:ff:ff", "is not known"),
    ],
)
def test_the_refusal_says_why(catalogue, mac, reason):
    bare = Catalogue(catalogue.snapshot)
    refused = refusal(bare, "nothing", mac)
    assert reason in str(refused)
    assert refused.reason is RefusalReason.NOT_FOUND


def test_script_for_people_needs_a_plan(catalogue):
    with pytest.raises(RequestRefused, match="has no plan"):
        catalogue.script_for(IDLE, Scene(server=SERVER))


def test_a_new_snapshot_counts_at_once(catalogue, plan):
    catalogue.replace(Snapshot({MAC: Machine(mac=MAC)}, {"p": plan}))
    assert catalogue.reserved_for(IPv4Address("10.99.0.50")) is None
    refusal(catalogue, "debian/linux")
    machine = Machine(mac=MAC, plan="q")
    catalogue.replace(Snapshot({MAC: machine}, {"q": replace(plan, name="q")}))
    assert b"bootlab q" in catalogue.resolve("boot.scr.uimg", by(MAC)).data


NAMES = st.text() | st.text("./\\ab\0%", max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NAMES, st.sampled_from([MAC, IDLE, None]))
def test_any_name_is_served_from_inside_or_refused(catalogue, tmp_path, name, mac):
    try:
        found = catalogue.resolve(name, by(mac))
    except RequestRefused:
        return
    assert found.data is not None or found.path.is_relative_to(tmp_path)
