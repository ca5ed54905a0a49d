"""Boot-once and stages, driven by the events that a boot makes."""

from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import text

from pxe.audit import Audit, tag_of
from pxe.boot.catalogue import Catalogue
from pxe.boot.classify import Client
from pxe.boot.snapshot import Snapshot
from pxe.events import DhcpReceived, DhcpSent, PlanChanged, TransferEnded, TransferStarted
from pxe.plan import Action, Arch, Asset, BootPlan, Firmware, Machine
from pxe.plan_json import to_json
from pxe.plan_store import PlanStore
from pxe.progress import Progress
from pxe.state import open_state

MAC = "52:54:00:00:00:01"
UBOOT = Client(mac=MAC, arch=Arch.ARM64, firmware=Firmware.UBOOT, uuid=UUID(int=5), vendor_class="U-Boot")


@pytest.fixture
def engine(tmp_path):
    engine = open_state(tmp_path / "state")
    yield engine
    engine.dispose()


@pytest.fixture
def plans(tmp_path):
    for name in ("linux", "initrd.gz", "grub.efi"):
        (tmp_path / name).write_bytes(b"x" * 100)
    kernel, initrd = (Asset(name, tmp_path / name) for name in ("linux", "initrd.gz"))
    return {
        "install": BootPlan(name="install", kernel=kernel, initrd=initrd, texts={"preseed.cfg": "x"}),
        "own": BootPlan(name="own", kernel=kernel),
        "disk": BootPlan(name="disk", action=Action.LOCAL),
        "grub": BootPlan(name="grub", loader=Asset("grub.efi", tmp_path / "grub.efi")),
    }


class Life:
    """A service's life from one start of the worker to the next, on the same disk."""

    def __init__(self, engine, plans, machine):
        self.engine, self.plans, self.first = engine, plans, machine
        self.start()

    def start(self):
        self.events = []
        base = Snapshot({MAC: self.first}, self.plans)
        self.catalogue = Catalogue(base)
        self.store = PlanStore(self.engine, base, self.catalogue, self.events.append)
        self.audit = Audit(self.engine)
        self.progress = Progress(self.engine, self.catalogue, self.store, self.audit)

    def happens(self, *events):
        self.progress.follow(list(enumerate(events)))

    def dhcp(self, client=UBOOT, bootfile="boot.scr.uimg"):
        self.catalogue.admit(client, 1.0)
        received = DhcpReceived(t_ns=1, mac=MAC, message="REQUEST", xid=1, firmware=client.firmware.value)
        self.happens(
            received, DhcpSent(t_ns=1, mac=MAC, message="ACK", xid=1, ip="10.0.0.1", bootfile=bootfile)
        )

    @property
    def machine(self):
        return self.catalogue.machine(MAC)

    @property
    def running(self):
        return self.catalogue.current(MAC).plan.name


def fetched(name, outcome="complete", size=100, sent=100, mac=MAC, transfer="1"):
    return TransferEnded(
        t_ns=1,
        mac=mac,
        transfer=transfer,
        protocol="tftp",
        peer="10.0.0.1:9",
        name=name,
        size=size,
        sent=sent,
        duration_ns=1,
        outcome=outcome,
    )


ONCE = Machine(mac=MAC, plan="own", next_plan="install")


def test_a_next_plan_is_forgotten_once_all_of_it_was_fetched(engine, plans):
    life = Life(engine, plans, ONCE)
    life.dhcp()
    life.happens(fetched("linux"), fetched("linux"), fetched("boot.scr.uimg"))
    assert life.machine.next_plan == "install"
    life.happens(fetched("/initrd.gz"))
    assert (life.machine.next_plan, life.machine.plan) == (None, "own")
    assert life.events == [PlanChanged(t_ns=life.events[0].t_ns, mac=MAC, plan="own")]
    life.start()
    assert life.machine.next_plan is None


def test_what_the_service_changes_by_itself_is_on_record_with_why(engine, plans):
    life = Life(engine, plans, ONCE)
    life.dhcp()
    before = tag_of({**to_json(ONCE), "source": "config"})
    life.happens(fetched("linux"), fetched("initrd.gz"))
    (entry,) = life.audit.entries(10, f"/machines/{MAC}")
    assert (entry["who"], entry["source"], entry["outcome"]) == (
        "service",
        "it has had plan install",
        "done",
    )
    assert entry["changes"] == {"next_plan": ["install", None], "source": ["config", "api"]}
    assert entry["before"] == before
    assert life.audit.since(f"/api/v1/machines/{MAC}", before)[0]["id"] == entry["id"]
    life.dhcp()
    life.happens(fetched("linux"))  # its own plan, which goes nowhere from here
    assert len(life.audit.entries(10)) == 1


@pytest.mark.parametrize(
    "probe",
    [
        fetched("initrd.gz", "aborted", sent=0),  # EDK2 and iPXE ask for the size, then say stop
        fetched("initrd.gz", "stalled", sent=50),
        fetched("initrd.gz", "error"),
        fetched("initrd.gz", size=0, sent=0),
        fetched("initrd.gz", mac="52:54:00:00:00:02"),
        fetched("initrd.gz", mac=None),
        fetched("other/initrd.gz"),
        fetched("preseed.cfg"),
    ],
)
def test_what_is_no_whole_file_of_the_plan_does_not_count(engine, plans, probe):
    life = Life(engine, plans, ONCE)
    life.dhcp()
    life.happens(fetched("linux"), probe)
    assert life.machine.next_plan == "install"


@pytest.mark.parametrize(
    "last",
    [
        fetched("initrd.gz", "unacknowledged", sent=90),  # the ROM jumped without a last ACK
        fetched("1a2b3c4d/initrd.gz"),  # below a Raspberry Pi's serial number
        fetched("52-54-00-00-00-01/initrd.gz", mac=None),  # another server gave the address
    ],
)
def test_what_is_a_whole_file_in_another_guise_counts(engine, plans, last):
    life = Life(engine, plans, ONCE)
    life.dhcp()
    life.happens(fetched("linux"), last)
    assert life.machine.next_plan is None


def part(offset, size):
    options = {"offset": offset, "total": 100}
    return TransferStarted(
        t_ns=1, mac=MAC, transfer="7", protocol="http", peer="", name="initrd.gz", size=size, options=options
    )


def test_a_download_that_was_resumed_counts_with_its_last_part(engine, plans):
    life = Life(engine, plans, ONCE)
    life.dhcp()
    life.happens(fetched("linux"), part(0, 40), fetched("initrd.gz", size=40, sent=40, transfer="7"))
    assert life.machine.next_plan == "install"
    life.happens(part(40, 60), fetched("initrd.gz", size=60, sent=60, transfer="7"))
    assert life.machine.next_plan is None


def test_until_its_next_start_the_machine_gets_what_its_plan_still_has(engine, plans):
    life = Life(engine, plans, ONCE)
    life.dhcp()
    life.happens(fetched("linux"), fetched("initrd.gz"))
    life.dhcp(Client(mac=MAC, firmware=Firmware.OS))  # the installer's kernel
    assert (life.running, life.catalogue.plan_of(MAC).name) == ("install", "own")
    life.start()  # the worker is killed in the middle of it
    assert (life.running, life.catalogue.plan_of(MAC).name) == ("install", "own")
    life.dhcp()  # its firmware: a new start
    assert life.running == "own"
    life.start()
    assert life.running == "own"


def test_where_dhcp_is_not_ours_the_next_plan_counts_at_once(engine, plans):
    life = Life(engine, plans, ONCE)
    life.happens(fetched("linux"), fetched("initrd.gz"))
    assert life.running == "own"
    life.start()
    assert life.running == "own"


def test_a_killed_worker_goes_on_counting(engine, plans):
    life = Life(engine, plans, ONCE)
    life.dhcp()
    life.happens(fetched("linux"))
    life.start()
    assert life.catalogue.client(MAC) == UBOOT  # rules by arch and firmware still select the machine
    life.happens(fetched("initrd.gz"))
    assert life.machine.next_plan is None


def test_stages_follow_each_other(engine, plans):
    plans["install"] = replace(plans["install"], then="grub")
    plans["grub"] = replace(plans["grub"], then="disk")
    life = Life(engine, plans, Machine(mac=MAC, plan="install"))
    life.dhcp()
    life.happens(fetched("linux"), fetched("initrd.gz"))
    assert life.machine.plan == "grub"
    life.happens(fetched("grub.efi"))
    assert life.machine.plan == "grub"  # still the same boot
    life.dhcp()
    life.happens(fetched("grub.efi"))
    assert life.machine.plan == "disk"
    life.start()
    assert life.machine.plan == "disk"


def test_stages_of_a_next_plan_end_at_the_machines_own(engine, plans):
    plans["install"] = replace(plans["install"], then="grub")
    life = Life(engine, plans, ONCE)
    seen = []
    for names in (("linux", "initrd.gz"), ("grub.efi",)):
        life.dhcp()
        life.happens(*(fetched(name) for name in names))
        seen.append((life.machine.next_plan, life.machine.plan))
    assert seen == [("grub", "own"), (None, "own")]


def test_the_local_disk_once(engine, plans):
    life = Life(engine, plans, Machine(mac=MAC, plan="own", next_plan="disk"))
    system = Client(mac=MAC, firmware=Firmware.OS)
    life.dhcp(system)  # a renewal before the restart says nothing
    life.happens(fetched("undionly.kpxe"))
    assert life.machine.next_plan == "disk"
    life.dhcp()
    life.happens(fetched("undionly.kpxe"))  # the loader that will fetch the script
    assert life.machine.next_plan == "disk"
    life.happens(fetched("boot.ipxe"))
    assert life.machine.next_plan is None


@pytest.mark.parametrize("told", ["no file", "it runs"])
def test_the_local_disk_once_without_any_script(engine, plans, told):
    life = Life(engine, plans, Machine(mac=MAC, plan="own", next_plan="disk"))
    life.dhcp(bootfile="" if told == "no file" else "boot.scr.uimg")
    if told == "it runs":
        assert life.machine.next_plan == "disk"
        life.dhcp(Client(mac=MAC, firmware=Firmware.OS))
    assert life.machine.next_plan is None


def test_a_machine_on_hold_does_not_move(engine, plans):
    life = Life(engine, plans, replace(ONCE, hold=True))
    life.dhcp()
    life.happens(fetched("linux"), fetched("initrd.gz"))
    assert life.machine.next_plan == "install"


def test_a_full_disk_is_logged_and_the_machines_go_on(engine, plans, caplog):
    life = Life(engine, plans, ONCE)
    with engine.begin() as db:
        db.execute(text("DROP TABLE progress"))
    life.happens(fetched("linux"))
    assert "could not be stored" in caplog.text
