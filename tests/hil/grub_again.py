"""A GRUB that comes from the network and has a grub.cfg of its own to go back to, as Flatcar's has.

Debian's GRUB 2.06 with a file of our words that does what Flatcar's is known to do: it asks DHCP again, then
for the grub.cfg that this names, with a query, and goes on where that ends. No Flatcar was seen here.

One minute: `make systems`.
"""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from lab.images import Image, small_linux
from lab.model import MilestoneRule, Source
from pxe.plan import Action, BootPlan, Transport

MODULES = Path("/usr/lib/grub/x86_64-efi")
pytestmark = [
    pytest.mark.hil,
    pytest.mark.skipif(
        shutil.which("grub-mkstandalone") is None or not MODULES.is_dir(),
        reason="no GRUB: apt-get install grub-efi-amd64-bin grub-common",
    ),
]
PARTS = "efinet net http tftp smbios normal configfile echo linux test sleep regexp boot minicmd true"
MAIN = """\
if [ -n "${net_default_server}" ]; then
  smbios --type 1 --get-uuid 8 --set id
  smbios --type 1 --get-string 7 --set number
  set mac="${net_default_mac}"
  net_dhcp
  for name in "${net_efinet0_dhcp_boot_file}" "${net_efinet1_dhcp_boot_file}"; do
    if [ -n "${name}" ]; then break; fi
  done
  echo "main: the second DHCP names ${name}"
  configfile "${name}?uuid=${id}&serial=${number}&mac=52:54:00:00:00:99"
  configfile "${name}?uuid=${id}&serial=${number}&mac=${mac}"
fi
echo "main: from the disk now"
while true; do sleep 60; done
"""
ON_THE_DISK = MilestoneRule("disk", Source.CONSOLE, r"^main: from the disk now", "GRUB goes on by itself")


@pytest.fixture(scope="module")
def rack(matrix, tmp_path_factory):
    """The matrix, with that GRUB as the loader of all PCs."""
    folder = tmp_path_factory.mktemp("grub")
    main, loader = folder / "main.cfg", folder / "flatcar.efi"
    main.write_text(MAIN)
    argv = ["grub-mkstandalone", "-O", "x86_64-efi", "-o", str(loader), "--fonts=", "--locales=", "--themes="]
    argv += [f"--modules={PARTS}", f"--install-modules={PARTS}", f"boot/grub/grub.cfg={main}"]
    subprocess.run(argv, check=True, timeout=60)
    matrix.close()  # it comes up again by itself
    service = replace(matrix.site.service, loaders={"x86_64": loader})
    made = type(matrix)(replace(matrix.site, service=service), matrix.impairment, matrix.packets)
    yield made
    made.close()


def nothing(_console_args, _arch):
    plan = BootPlan(name="disk", action=Action.HOLD)
    return Image(plan=plan, milestones=(ON_THE_DISK,), deadlines={"disk": 120})


def test_it_is_held_then_released_to_its_own_disk(rack):
    def release(board):
        board.console.expect("on hold, until it is released", 120)
        rack.session().assign(board.place, BootPlan(name="disk", action=Action.LOCAL))

    seen = rack.boot("x86-pxe", image=nothing, drive=release)
    assert seen.bootfiles == ["flatcar.efi", "(tftp,10.99.0.1)/grub.cfg"]
    said = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\s", "", seen.console)  # GRUB breaks lines after 80 columns
    wanted = (
        "main: the second DHCP names (tftp,10.99.0.1)/grub.cfg",
        f"bootlab: nothing to boot from here: this address is of the machine {seen.board.place.mac}, "
        "and GRUB says that it is 52:54:00:00:00:99",
        "bootlab: GRUB goes on with its own grub.cfg",
        "bootlab: on hold, until it is released",
        "bootlab: this plan boots a local disk",
        "main: from the disk now",
    )
    places = [said.find(line.replace(" ", "")) for line in wanted]
    assert -1 not in places, said
    assert places == sorted(places)
    assert seen.clients == [("uefi-pxe", "x86_64"), ("os", "unknown")]


def test_it_netboots_what_its_plan_says_over_http(rack):
    seen = rack.boot("x86-pxe", image=small_linux, transport=Transport.HTTP)
    assert seen.bootfiles[:2] == ["flatcar.efi", "(http,10.99.0.1)/grub.cfg"]
    assert seen.reached("loader", "kernel", "init", "up") == ["loader", "kernel", "init", "up"]
    assert seen.files("tftp") == ["flatcar.efi"]
    assert seen.files("http") == ["grub.cfg", "linux", "initrd.gz"]
