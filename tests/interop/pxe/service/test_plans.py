"""Boot-once, rules and holds of a real service, with curl as the machine."""

import subprocess
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from service_running import MAC, MACHINE, eventually

from lab.errors import InfrastructureError
from pxe.events import PlanChanged
from pxe.plan import Arch, Asset, BootPlan, Machine, PlanRule, Selector

pytestmark = pytest.mark.interop


@pytest.fixture
def install(tmp_path):
    (tmp_path / "linux").write_bytes(b"\0" * 0x38 + b"ARMd" + bytes(100_000))
    (tmp_path / "initrd").write_bytes(b"070701" + bytes(100_000))
    return BootPlan(
        name="install",
        kernel=Asset("install/linux", tmp_path / "linux"),
        initrd=Asset("install/initrd", tmp_path / "initrd"),
    )


@pytest.fixture
def fetch(curl, service):
    def fetch(name, *options):
        command = [curl, "-sf", "--interface", MACHINE, "-o", "/dev/null", *options, f"{service.url}/{name}"]
        return subprocess.run(command, timeout=60, check=False).returncode == 0

    return fetch


def kill_worker(service):
    """Kill it, and wait for the next one."""
    killed = service.worker()
    killed.kill()

    def another():
        with service.client() as client:
            try:
                return client._object("/health")["worker_pid"] != killed.pid
            except InfrastructureError:
                return False

    eventually(another)


def test_a_next_plan_is_had_once_across_a_killed_worker(service, install, fetch):
    with service.client() as client:
        assert client.put_plan(install) == ()
        client.boot_next(MAC, "install")
        newest = client.newest_event()
        assert "one boot" in client.choice(MAC).why
        assert fetch("install/linux")
        assert fetch("install/initrd", "--range", "0-99")  # a size probe
        eventually(lambda: "transfer-ended" in service.events_file.read_text())
    kill_worker(service)
    with service.client() as client:
        assert client.choice(MAC).plan == "install"
        assert fetch("install/initrd")
        eventually(lambda: client.choice(MAC).plan == "p")
        assert not fetch("install/linux")
        assert fetch("vmlinuz")
        changes = [event.plan for _, event in client.events(newest) if isinstance(event, PlanChanged)]
        assert changes[-1:] == ["p"]
    kill_worker(service)
    with service.client() as client:
        assert client.choice(MAC).plan == "p"


def test_a_held_machine_gets_nothing_until_it_is_released(service, fetch):
    with service.client() as client:
        assert fetch("vmlinuz")
        client.hold(MAC)
        assert not fetch("vmlinuz")
        assert client.choice(MAC).candidates[0].source == "hold"
        client.release(MAC)
        assert fetch("vmlinuz")


def test_the_most_specific_rule_decides_what_is_served(service, install, fetch):
    with service.client() as client:
        client.put_plan(install)
        client.put_machine(Machine(mac=MAC, ip=IPv4Address(MACHINE), tags=frozenset({"rack"})))
        client.put_rule(PlanRule(name="net", when=Selector(network=IPv4Network("127.0.0.0/8")), plan="p"))
        assert fetch("vmlinuz")
        client.put_rule(PlanRule(name="rack", when=Selector(tags=frozenset({"rack"})), plan="install"))
        assert fetch("install/linux")
        assert not fetch("vmlinuz")
        assert [c.source for c in client.choice(MAC).candidates if c.chosen] == ["rule rack"]
        with pytest.raises(InfrastructureError, match="equally closely"):
            client.put_rule(PlanRule(name="twin", when=Selector(tags=frozenset({"rack"})), plan="p"))
        client.delete_rule("rack")
        assert fetch("vmlinuz")


def test_a_kernel_for_another_processor_is_refused_when_stored(service, install):
    words = "is an arm64 Image for arm64; the plan's arch is x86_64"
    with service.client() as client, pytest.raises(InfrastructureError, match=words):
        client.put_plan(replace(install, arch=Arch.X86_64))
