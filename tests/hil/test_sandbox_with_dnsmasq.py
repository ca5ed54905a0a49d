"""Sandbox, link and emulated board without any server of ours: dnsmasq boots Debian's kernel.

Where this fails the fault is in the sandbox or the driver; where only the other boots fail, it is in `pxe`.
"""

import os
import shutil
import subprocess
import tempfile
import time

import pytest

from lab.config import load_board_type
from lab.drivers.build import build_drivers
from lab.errors import InfrastructureError, SandboxError
from lab.images import debian_installer
from lab.model import DriverConfig, Place
from lab.sandbox import Sandbox

pytestmark = [pytest.mark.hil, pytest.mark.interop]

SCRIPT = """\
setenv bootargs {cmdline}
tftpboot ${{kernel_addr_r}} linux && tftpboot ${{ramdisk_addr_r}} initrd.gz && \
booti ${{kernel_addr_r}} ${{ramdisk_addr_r}}:${{filesize}} ${{fdtcontroladdr}}
"""
STAGES = [
    b"U-Boot 20",
    b"DHCP client bound",
    b"Starting kernel",
    b"Linux version",
    b"Run /init as init process",
]


@pytest.fixture(params=["tap", "packet"])
def sandbox(request):
    try:
        made = Sandbox.create(kind=request.param)
        with made:
            made.link("qemu1")
            yield made
    except SandboxError as exc:
        pytest.skip(str(exc))


@pytest.fixture
def server(sandbox):
    """A dnsmasq that serves Debian's installer with a boot script made by mkimage."""
    for program in ("dnsmasq", "mkimage"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    try:
        plan = debian_installer("console=ttyAMA0 earlycon").plan
    except InfrastructureError as exc:
        pytest.skip(str(exc))
    root = sandbox.runtime_dir / "tftp"
    root.mkdir()
    for asset in plan.assets():
        os.symlink(asset.path, root / asset.name)
    with tempfile.NamedTemporaryFile("w") as script:
        script.write(SCRIPT.format(cmdline=plan.cmdline))
        script.flush()
        mkimage = ["mkimage", "-A", "arm64", "-T", "script", "-d", script.name, str(root / "boot.scr.uimg")]
        subprocess.run(mkimage, check=True, capture_output=True)
    log = sandbox.runtime_dir / "dnsmasq.log"
    argv = [
        "dnsmasq",
        "-d",
        "--conf-file=/dev/null",
        "--port=0",
        f"--interface={sandbox.bridge}",
        "--no-ping",
    ]
    argv += ["--dhcp-range=10.99.0.100,10.99.0.199", "--dhcp-leasefile=/dev/null", "--log-dhcp"]
    argv += ["--enable-tftp", f"--tftp-root={root}"]
    with log.open("wb") as file:
        process = sandbox.spawn(argv, stdout=file, stderr=file)
    return process


def test_boots_to_init(sandbox, server):
    place = Place(
        name="qemu1",
        board_type="qemu-virt-arm64",
        mac="52:54:00:aa:00:01",
        power=DriverConfig(kind="qemu"),
        console=DriverConfig(kind="qemu"),
    )
    power, console = build_drivers(place, load_board_type(place.board_type), sandbox)
    try:
        power.options.check()
    except InfrastructureError as exc:
        pytest.skip(str(exc))
    assert server.poll() is None, (sandbox.runtime_dir / "dnsmasq.log").read_text()
    power.on()
    seen, deadline = b"", time.monotonic() + 200
    while not all(stage in seen for stage in STAGES):
        assert time.monotonic() < deadline, seen[-2000:]
        assert power.gone is None, power.gone
        seen += console.read(0.5)
    assert [seen.index(stage) for stage in STAGES] == sorted(seen.index(stage) for stage in STAGES)
    power.off()
    console.close()
