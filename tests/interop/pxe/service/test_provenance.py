"""What the lab records of a boot, from a running service."""

import hashlib
from dataclasses import replace

import pytest

from lab.provenance import Provenance, image_digest, provenance
from pxe.plan import Asset, BootPlan, Machine

pytestmark = pytest.mark.interop
MAC = "52:54:00:77:00:01"  # not one of the service's own


def test_plan_and_files_of_the_next_boot(service, tmp_path):
    linux, tree = tmp_path / "linux", tmp_path / "tree"
    linux.write_bytes(b"a kernel")
    plan = BootPlan(
        name="p", kernel=Asset("linux", linux), cmdline="console=ttyS0 quiet ip=dhcp", texts={"a": "b"}
    )
    sums = {
        content: hashlib.sha256(content).hexdigest() for content in (b"a kernel", b"another", b"firmware")
    }
    with service.client() as client:
        assert provenance(client, MAC) == Provenance(), "nobody knows the machine"
        client.put_plan(plan)
        client.put_machine(Machine(mac=MAC, plan="p"))
        first = provenance(client, MAC)
        assert first.image_digest == image_digest([("linux", sums[b"a kernel"])])
        assert first.console_args == "console=ttyS0 quiet"
        assert len(first.plan_hash) == 64
        assert provenance(client, MAC) == first

        linux.write_bytes(b"another")
        other = provenance(client, MAC)
        assert other.plan_hash == first.plan_hash
        assert other.image_digest == image_digest([("linux", sums[b"another"])])

        (tree / "overlays").mkdir(parents=True)
        (tree / "overlays" / "start4.elf").write_bytes(b"firmware")
        client.put_plan(replace(plan, tree=tree))
        served = [("linux", sums[b"another"]), ("overlays/start4.elf", sums[b"firmware"])]
        assert provenance(client, MAC).image_digest == image_digest(served)

        linux.unlink()
        assert provenance(client, MAC).image_digest == ""
        assert provenance(client, MAC).plan_hash
        client.hold(MAC)
        assert isinstance(provenance(client, MAC), Provenance)
    service.stop()
    with service.client() as client:
        assert provenance(client, MAC) == Provenance(), "the boot itself tells that nobody answers"
