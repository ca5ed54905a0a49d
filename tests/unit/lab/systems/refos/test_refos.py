from pathlib import Path

import pytest

from lab.errors import UsageError
from lab.systems.interface import CannotError, Level, OperatingSystem, Wanted
from lab.systems.refos import Refos
from lab.systems.talos.client import TalosClient
from pxe.plan import Arch

IMAGE = {"kernel": Path("k"), "initrd": Path("i"), "bundle": Path("b")}


def test_is_built_not_fetched() -> None:
    assert isinstance(Refos(), OperatingSystem)
    for ask in (Refos().pull, Refos().releases):
        with pytest.raises(CannotError, match=r"refos cannot pull: .*bootlab image build refos") as refused:
            ask(Wanted())
        assert refused.value.exit_code == 2


def test_plan_of_each_architecture() -> None:
    plan = Refos().plan("r", IMAGE, Wanted(version="1.2.0", arch="arm64"))
    assert plan.cmdline == "console=ttyAMA0 panic=5"
    assert [asset.name for asset in plan.assets()] == ["kernel", "initrd", "refos-1.2.0-arm64.raucb"]
    wanted = Wanted(arch="x86_64", extras={"config": "node1.yaml"})
    pc = Refos().plan("r", {"kernel": Path("k"), "initrd": Path("i")}, wanted)
    assert pc.arch is Arch.X86_64
    assert pc.cmdline == "console=ttyS0 panic=5 talos.config={config}talos.yaml"
    assert pc.files == ()
    (config,) = pc.configs
    assert (config.name, config.path, config.secret) == ("talos.yaml", Path("node1.yaml").absolute(), True)


def test_plan_of_what_cannot_be_booted() -> None:
    with pytest.raises(UsageError, match="built for arm64 and x86_64, not for riscv64"):
        Refos().plan("r", IMAGE, Wanted(arch="riscv64"))
    with pytest.raises(UsageError, match="no initrd; build it again"):
        Refos().plan("r", {"kernel": Path("k")}, Wanted())


def test_where_it_boots() -> None:
    assert Refos().support("qemu-virt-arm64").level is Level.RUN_HERE
    assert Refos().support("qemu-virt-arm64-uefi").level is Level.EXPECTED
    assert Refos().support("raspberrypi-pi4").level is Level.NOT_EXPECTED


def test_client_is_that_of_the_machine_api() -> None:
    assert isinstance(Refos().client("127.0.0.1", {"insecure": "yes"}), TalosClient)
