import hashlib
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pxe.boot.catalogue import Catalogue
from pxe.boot.classify import Client
from pxe.boot.files import FileRoot
from pxe.boot.loaders import Loader, Loaders
from pxe.boot.offer import MachineDirectory
from pxe.boot.render import Kind, Scene, boot_script, pxelinux_config
from pxe.boot.requester import Requester
from pxe.boot.snapshot import Snapshot
from pxe.boot.uimage import script_image
from pxe.errors import PlanError, RefusalReason, RequestRefused
from pxe.plan import Action, Arch, Asset, BootPlan, Firmware, Machine, Transport

SERVER, ADDRESS = IPv4Address("10.99.0.1"), IPv4Address("10.99.0.50")
SIZES = {"debian/linux": 1000, "debian/initrd.gz": 20}
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
    loaders = {}
    for kind, name in (("bios", "undionly.kpxe"), ("x86_64", "ipxe.efi"), ("arm64", "bootnetaa64.efi")):
        loaders[kind] = tmp_path / "loaders" / name
        loaders[kind].parent.mkdir(exist_ok=True)
        loaders[kind].write_text(name)
    (tmp_path / "loaders" / "grubaa64.efi").write_text("grub")
    return Catalogue(
        snapshot,
        FileRoot(tmp_path / "root"),
        loaders=Loaders(loaders),
        http=lambda server: f"http://{server}",
    )


def with_plan(catalogue, plan, **machine):
    catalogue.replace(Snapshot({MAC: Machine(mac=MAC, plan=plan.name, **machine)}, {plan.name: plan}))


def by(mac, address=None):
    return Requester(mac=mac, server=SERVER, address=address, http="http://10.99.0.1")


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
def test_without_a_plan_nobody_gets_a_boot_file(catalogue, firmware):
    client = Client(mac=MAC, arch=Arch.ARM64, firmware=firmware)
    for mac in (IDLE, STRAY, "52:54:00:ff:ff:ff"):
        assert catalogue.bootfile(mac, client, ADDRESS, SERVER) == ""


# (firmware, arch, iPXE with HTTP) -> the boot file
BOOT_FILES = [
    (Firmware.UBOOT, Arch.ARM64, False, "boot.scr.uimg"),
    (Firmware.BIOS_PXE, Arch.X86, False, "undionly.kpxe"),
    (Firmware.UEFI_PXE, Arch.X86_64, False, "ipxe.efi"),
    (Firmware.UEFI_PXE, Arch.ARM64, False, "bootnetaa64.efi"),
    (Firmware.UEFI_HTTP, Arch.X86_64, False, "http://10.99.0.1/ipxe.efi"),
    (Firmware.UEFI_HTTP, Arch.ARM64, False, "http://10.99.0.1/bootnetaa64.efi"),
    (Firmware.IPXE, Arch.X86, True, "http://10.99.0.1/boot.ipxe"),
    (Firmware.IPXE, Arch.X86_64, False, "boot.ipxe"),
    (Firmware.RASPBERRY_PI, Arch.ARM64, False, "bootcode.bin"),
    (Firmware.OS, Arch.UNKNOWN, False, ""),
    (Firmware.UNKNOWN, Arch.UNKNOWN, False, ""),
]


@pytest.mark.parametrize(("firmware", "arch", "http", "name"), BOOT_FILES)
def test_each_firmware_gets_its_boot_file(catalogue, firmware, arch, http, name):
    client = Client(mac=MAC, arch=arch, firmware=firmware, ipxe_http=http)
    assert catalogue.bootfile(MAC, client, ADDRESS, SERVER) == name


def test_where_another_server_gives_addresses_the_boot_file_tells_the_machine(catalogue):
    def bootfile(firmware, arch, http=False):
        return catalogue.bootfile(
            MAC, Client(mac=MAC, arch=arch, firmware=firmware, ipxe_http=http), None, SERVER
        )

    assert bootfile(Firmware.IPXE, Arch.X86, True) == "http://10.99.0.1/52-54-00-00-00-01/boot.ipxe"
    assert bootfile(Firmware.UEFI_PXE, Arch.X86_64) == "52-54-00-00-00-01/ipxe.efi"
    assert bootfile(Firmware.UBOOT, Arch.ARM64) == "boot.scr.uimg"


def test_a_plan_that_wants_tftp_keeps_ipxe_from_http(catalogue, plan):
    with_plan(catalogue, replace(plan, transport=Transport.TFTP))
    client = Client(mac=MAC, arch=Arch.X86, firmware=Firmware.IPXE, ipxe_http=True)
    assert catalogue.bootfile(MAC, client, ADDRESS, SERVER) == "boot.ipxe"


def test_a_plans_loader_takes_the_place_of_ours(catalogue, plan, tmp_path):
    with_plan(catalogue, replace(plan, loader=Asset("my.efi", tmp_path / "linux")))

    def bootfile(firmware, arch):
        return catalogue.bootfile(MAC, Client(mac=MAC, arch=arch, firmware=firmware), ADDRESS, SERVER)

    assert bootfile(Firmware.UEFI_PXE, Arch.ARM64) == "my.efi"
    assert bootfile(Firmware.UEFI_HTTP, Arch.X86_64) == "http://10.99.0.1/my.efi"
    assert bootfile(Firmware.BIOS_PXE, Arch.X86) == "undionly.kpxe"  # a BIOS cannot start an EFI program
    with_plan(catalogue, BootPlan(name="p", action=Action.HOLD))
    assert bootfile(Firmware.UEFI_PXE, Arch.X86_64) == "ipxe.efi"


def test_a_firmware_that_we_have_no_loader_for(catalogue):
    client = Client(mac=MAC, arch=Arch.RISCV64, firmware=Firmware.UEFI_PXE)
    with pytest.raises(PlanError, match="no loader for firmware of riscv64: name one in `loaders`"):
        catalogue.bootfile(MAC, client, ADDRESS, SERVER)


def test_debians_grub_is_no_loader_for_http_boot(catalogue, plan, monkeypatch):
    grub = Loader("bootnetaa64.efi", plan.kernel.path, http=False)
    monkeypatch.setattr("pxe.boot.loaders._DEFAULTS", {"arm64": grub})
    bare = Catalogue(catalogue.snapshot, http=lambda server: f"http://{server}")
    client = Client(mac=MAC, arch=Arch.ARM64, firmware=Firmware.UEFI_HTTP)
    with pytest.raises(
        PlanError, match="cannot go on over HTTP: let the firmware boot by PXE, or name an iPXE"
    ):
        bare.bootfile(MAC, client, ADDRESS, SERVER)
    assert bare.bootfile(MAC, replace(client, firmware=Firmware.UEFI_PXE), ADDRESS) == "bootnetaa64.efi"


def test_uefi_http_boot_without_http(catalogue):
    bare = Catalogue(catalogue.snapshot)
    client = Client(mac=MAC, arch=Arch.X86_64, firmware=Firmware.UEFI_HTTP)
    with pytest.raises(PlanError, match="HTTP is off here"):
        bare.bootfile(MAC, client, ADDRESS, SERVER)


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
    assert catalogue.script_for(Kind.UBOOT, MAC, Scene(server=SERVER)).encode() in image()


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
    assert found.data.decode() == pxelinux_config(plan, SIZES, Scene(server=SERVER, mac=MAC))
    assert found.mac == MAC


def test_pxelinux_by_name_for_a_client_we_do_not_know(catalogue, plan):
    found = catalogue.resolve("pxelinux.cfg/01-52-54-00-00-00-01", by(None))
    view = "52-54-00-00-00-01/"  # its files' names must tell the machine, because its address does not
    assert found.data.decode() == pxelinux_config(plan, SIZES, Scene(server=SERVER, mac=MAC, view=view))
    assert f"KERNEL {view}debian/linux" in found.data.decode()
    assert catalogue.resolve(f"{view}debian/linux", by(None)).path == plan.kernel.path
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
        catalogue.script_for(Kind.UBOOT, IDLE, Scene(server=SERVER))


def test_a_new_snapshot_counts_at_once(catalogue, plan):
    catalogue.replace(Snapshot({MAC: Machine(mac=MAC)}, {"p": plan}))
    assert catalogue.reserved_for(IPv4Address("10.99.0.50")) is None
    refusal(catalogue, "debian/linux")
    machine = Machine(mac=MAC, plan="q")
    catalogue.replace(Snapshot({MAC: machine}, {"q": replace(plan, name="q")}))
    assert b"bootlab q" in catalogue.resolve("boot.scr.uimg", by(MAC)).data


PI, PI_MAC, PI_SERIAL = "rpi", "dc:a6:32:00:00:09", "a1b2c3d4"


@pytest.fixture
def pi(catalogue, plan, tmp_path):
    """A Raspberry Pi whose serial number is on record; `tree` holds its firmware."""
    (tmp_path / "tree" / "overlays").mkdir(parents=True)
    for name in ("start4.elf", "config.txt", "overlays/disable-bt.dtbo"):
        (tmp_path / "tree" / name).write_text(f"{name} of the tree")
    (tmp_path / "tree" / "outside").symlink_to("/etc/passwd")
    plan = replace(plan, name=PI, tree=tmp_path / "tree")
    machines = [Machine(mac=PI_MAC, plan=PI, serial=PI_SERIAL), Machine(mac=MAC, plan=PI)]
    catalogue.replace(Snapshot({m.mac: m for m in machines}, {PI: plan}))
    return catalogue


@pytest.mark.parametrize(
    ("view", "mac"),
    [
        ("", PI_MAC),
        *(
            (view, mac)
            for view in (f"{PI_SERIAL}/", "dc-a6-32-00-00-09/", "DC-A6-32-00-00-09\\")
            for mac in (PI_MAC, None)
        ),
    ],
)
def test_a_view_and_the_plain_name_are_the_same(pi, plan, tmp_path, view, mac):
    assert pi.resolve(f"{view}debian/linux", by(mac)).path == plan.kernel.path
    assert pi.resolve(f"{view}start4.elf", by(mac)).path == tmp_path / "tree" / "start4.elf"
    assert pi.resolve(f"{view}overlays/disable-bt.dtbo", by(mac)).path.parent.name == "overlays"
    config = pi.resolve(f"{view}config.txt", by(mac)).data.decode()
    assert "\nkernel=" in config
    assert "\ninitramfs " in config
    assert pi.resolve(f"{view}cmdline.txt", by(mac)).data.decode().startswith("console=ttyAMA0 ")


def test_a_texts_secret_is_not_for_a_stranger_who_knows_the_serial_number(pi):
    assert pi.resolve(f"{PI_SERIAL}/preseed.cfg", by(PI_MAC)).data
    refusal(pi, f"{PI_SERIAL}/preseed.cfg", None)


def test_the_plans_own_config_txt_comes_before_ours(pi, plan):
    own = replace(pi.snapshot.plans[PI], texts={"config.txt": "[all]\n"})
    with_plan(pi, own)
    assert pi.resolve("config.txt", by(MAC)).data == b"[all]\n"


@pytest.mark.parametrize("name", [f"{PI_SERIAL}/nothing", "start.elf", "ffffffff/start4.elf", "overlays"])
def test_what_a_pi_asks_for_in_vain_is_not_found_at_once(pi, name):
    assert refusal(pi, name, PI_MAC).reason is RefusalReason.NOT_FOUND


@pytest.mark.parametrize("name", ["outside", "../linux", f"{PI_SERIAL}/../linux", "overlays/../../linux"])
def test_nothing_leads_out_of_the_tree(pi, name):
    assert refusal(pi, name, PI_MAC).reason is RefusalReason.FORBIDDEN


def test_the_folder_of_another_machine_is_refused(pi):
    assert "not the one of machine" in str(refusal(pi, f"{PI_SERIAL}/start4.elf", MAC))
    assert "not the one of machine" in str(refusal(pi, "dc-a6-32-00-00-09/start4.elf", MAC))


def test_a_pi_that_told_nobody_its_serial_number_has_any_folder_that_is_nobodys(pi):
    pi.admit(Client(mac=MAC, arch=Arch.ARM64, firmware=Firmware.RASPBERRY_PI), 1.0)
    assert pi.resolve("0badcafe/start4.elf", by(MAC)).path.name == "start4.elf"
    refusal(pi, f"{PI_SERIAL}/start4.elf")
    pi.admit(Client(mac=MAC, arch=Arch.ARM64, firmware=Firmware.RASPBERRY_PI, serial="11111111"), 2.0)
    refusal(pi, "0badcafe/start4.elf")
    assert pi.resolve("11111111/start4.elf", by(MAC)).path.name == "start4.elf"


@pytest.mark.parametrize("action", [Action.LOCAL, Action.HOLD])
def test_a_pi_that_is_to_boot_nothing_gets_no_file(pi, action):
    with_plan(pi, replace(pi.snapshot.plans[PI], action=action))
    for name in ("start4.elf", "config.txt", "cmdline.txt", "debian/linux"):
        refusal(pi, name)


LOADER_NAMES = [
    ("undionly.kpxe", "undionly.kpxe"),
    ("/ipxe.efi", "ipxe.efi"),
    ("bootnetaa64.efi", "bootnetaa64.efi"),
    ("//grubaa64.efi", "grubaa64.efi"),  # shim asks for it so
    ("52-54-00-00-00-01/grubaa64.efi", "grubaa64.efi"),
]


@pytest.mark.parametrize("mac", [MAC, IDLE, None])
@pytest.mark.parametrize(("name", "file"), LOADER_NAMES)
def test_loaders_are_for_everybody(catalogue, tmp_path, name, file, mac):
    if mac == IDLE:
        name = name.removeprefix("52-54-00-00-00-01/")
    assert catalogue.resolve(name, by(mac)).path == tmp_path / "loaders" / file


@pytest.mark.parametrize(
    "name",
    [
        "boot.ipxe",
        "grub/grub.cfg",
        "/debian-installer/arm64/grub/arm64-efi/grub.cfg",
        "debian-installer/amd64/grub/grub.cfg-01-52-54-00-00-00-01",
        "EFI/debian/grub.cfg-0A630032",
        "grub/grub.cfg-0A63",
        "pxelinux.cfg/0A630032",
        "pxelinux.cfg/0",
        "pxelinux.cfg/default-arm-qemu-arm64",
        "x/y/pxelinux.cfg/default",
        "pxelinux.cfg/11111111-2222-3333-4444-555555555555",
    ],
)
def test_a_script_under_each_name_that_a_loader_may_ask_for(catalogue, name):
    found = catalogue.resolve(name, by(MAC, ADDRESS))
    assert b"debian/linux" in found.data
    assert found.mac == MAC


@pytest.mark.parametrize(
    "name",
    ["grub/grub.cfg-01-52-54-00-00-00-02", "pxelinux.cfg/0A630033", "pxelinux.cfg/x", "grub/fonts/u.pf2"],
)
def test_names_of_other_machines_are_not_found(catalogue, name):
    assert refusal(catalogue, name).reason is RefusalReason.NOT_FOUND


def test_a_file_with_another_checksum_is_refused_and_said_on_the_console(catalogue, plan):
    right = hashlib.sha256(bytes(1000)).hexdigest()
    with_plan(catalogue, replace(plan, kernel=replace(plan.kernel, sha256=right)))
    assert catalogue.resolve("debian/linux", by(MAC)).path == plan.kernel.path
    plan.kernel.path.write_bytes(b"other")
    refused = refusal(catalogue, "debian/linux")
    assert f"the plan says {right}: not served" in str(refused)
    script = catalogue.script_for(Kind.IPXE, MAC, Scene(server=SERVER))
    assert "set bootlab_fault plan p: on the server" in script
    assert "kernel --name" not in script


def test_files_are_verified_ahead(catalogue, plan):
    bad = replace(plan.kernel, sha256="0" * 64)
    good = replace(plan.initrd, sha256=hashlib.sha256(bytes(20)).hexdigest())
    with_plan(catalogue, replace(plan, kernel=bad, initrd=good))
    (fault,) = catalogue.verify(catalogue.snapshot)
    assert fault.startswith(f"plan p: {plan.kernel.path}: its SHA-256 is ")


def test_a_script_is_kept_until_something_of_it_changes(catalogue, plan):
    first = catalogue.resolve("boot.ipxe", by(MAC)).data
    assert catalogue.resolve("boot.ipxe", by(MAC)).data is first
    assert catalogue.resolve("boot.ipxe", replace(by(MAC), http="")).data != first
    with_plan(catalogue, replace(plan, cmdline="other"))
    assert b" other && " in catalogue.resolve("boot.ipxe", by(MAC)).data
    plan.kernel.path.unlink()
    assert b"No such file" in catalogue.resolve("boot.ipxe", by(MAC)).data


def test_a_tree_alone_has_its_own_config_txt(pi, tmp_path):
    with_plan(pi, BootPlan(name="t", tree=tmp_path / "tree"))
    assert pi.resolve("config.txt", by(MAC)).path == tmp_path / "tree" / "config.txt"
    refusal(pi, "cmdline.txt")


def test_a_token_is_minted_only_where_a_text_needs_it(catalogue, plan):
    minted = []

    def mint(name):
        minted.append(name)
        return "http://10.99.0.1/c/abc/"

    requester = Requester(mac=MAC, server=SERVER, config=mint)
    with_plan(catalogue, replace(plan, cmdline="netcfg/config=x", texts={"preseed.cfg": "no config here"}))
    for name in ("boot.scr.uimg", "boot.ipxe", "preseed.cfg"):
        catalogue.resolve(name, requester)
    assert minted == []
    with_plan(catalogue, replace(plan, cmdline="ds=nocloud;s={config}"))
    assert b"ds=nocloud;s=http://10.99.0.1/c/abc/" in catalogue.resolve("boot.scr.uimg", requester).data
    assert minted == ["p"]
    stranger = replace(requester, mac=None)
    assert b"/c/" not in catalogue.resolve("52-54-00-00-00-01/boot.ipxe", stranger).data
    assert minted == ["p"]


NAMES = st.text() | st.text("./\\ab\0%", max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NAMES, st.sampled_from([MAC, IDLE, None]))
def test_any_name_is_served_from_inside_or_refused(catalogue, tmp_path, name, mac):
    try:
        found = catalogue.resolve(name, by(mac))
    except RequestRefused:
        return
    assert found.data is not None or found.path.is_relative_to(tmp_path)
