from ipaddress import IPv4Address

import pytest

from pxe.boot.catalogue import Catalogue
from pxe.boot.files import FileRoot
from pxe.boot.requester import Requester
from pxe.boot.snapshot import Snapshot
from pxe.config_store import ConfigStore
from pxe.eventlog import EventLog
from pxe.plan import Asset, BootPlan, Machine
from pxe.plan_store import PlanStore
from pxe.state import open_state
from pxe.web.context import WebContext
from pxe.web.refusals import Refusals

MAC = "52:54:00:00:00:01"


@pytest.fixture
def plan(tmp_path):
    (tmp_path / "kernel").write_bytes(bytes(range(256)) * 40)
    return BootPlan(
        name="p",
        kernel=Asset("debian/linux", tmp_path / "kernel"),
        texts={"preseed.cfg": "mirror {server}\n"},
    )


@pytest.fixture
def service(plan, tmp_path):
    """Real parts; the machine of the plan is at 127.0.0.1."""
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "all.txt").write_text("for everybody")
    (tmp_path / "root" / "outside").symlink_to("/etc/passwd")
    machine = Machine(mac=MAC, name="rack1", ip=IPv4Address("127.0.0.1"), plan="p")
    base = Snapshot({MAC: machine}, {"p": plan})
    catalogue, events = Catalogue(base, FileRoot(tmp_path / "root")), EventLog()
    engine = open_state(tmp_path / "state")
    yield WebContext(
        catalogue=catalogue,
        store=PlanStore(engine, base, catalogue, events.append),
        events=events,
        configs=ConfigStore(engine),
        refusals=Refusals(events.append),
        requester=lambda at: Requester(mac=catalogue.reserved_for(at), server=IPv4Address("10.99.0.1")),
        leases=lambda: [{"ip": "10.99.0.7", "mac": MAC}],
        health=lambda: {"ready": True, "listeners": {"api": "here"}},
    )
    engine.dispose()
