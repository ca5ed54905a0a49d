"""All machines and plans, and what each name means to each machine: the one place that decides which bytes.

DHCP asks for the boot file, TFTP and HTTP for names: all three see the same immutable Snapshot, which is
swapped as a whole, so that nobody ever waits for a writer and no answer mixes two states.
"""

import re
from ipaddress import IPv4Address

from pxe.boot.assets import stamp
from pxe.boot.check import PXELINUX_FOLDER, SCRIPT_NAME
from pxe.boot.classify import Client
from pxe.boot.files import FileRoot
from pxe.boot.render import Scene, boot_script, pxelinux_config, refusal_script
from pxe.boot.requester import Requester
from pxe.boot.select import Choice, choose, facts_of
from pxe.boot.sightings import Sightings
from pxe.boot.snapshot import Snapshot
from pxe.boot.uimage import script_image
from pxe.errors import PlanError, RefusalReason, RequestRefused
from pxe.plan import BootPlan, Firmware, Machine, Resource, UnknownMachines

_PXELINUX_MAC = re.compile(r"pxelinux\.cfg/01-([0-9a-f]{2}(?:-[0-9a-f]{2}){5})")
_U32 = 0xFFFFFFFF


class Catalogue:
    """The current snapshot, and what follows from it. Implements `pxe.boot.offer.MachineDirectory`.

    `root` is an optional folder whose files every client may read.
    """

    def __init__(self, snapshot: Snapshot, root: FileRoot | None = None) -> None:
        self.snapshot = snapshot
        self.seen, self.strangers = Sightings(), Sightings()  # apart: no flood of strangers drives out ours
        self._by_ip: dict[IPv4Address, str] = {}
        self._root = root
        self.replace(snapshot)

    def replace(self, snapshot: Snapshot) -> None:
        """Answer from `snapshot` from now on; requests under way finish with the one they began with."""
        self._by_ip = {m.ip: m.mac for m in snapshot.machines.values() if m.ip is not None}
        self.snapshot = snapshot

    def machine(self, mac: str) -> Machine | None:
        """The machine of that MAC; None where we do not know it."""
        return self.snapshot.machines.get(mac)

    def admit(self, client: Client, now: float) -> Machine | None:
        """The machine that sent a DHCP message at `now` (seconds since 1970); None: it gets no answer.

        Notes what it says of itself, for `choice`. A machine that we do not know is let in (as a Machine
        without a name) where unknown ones are to boot.
        """
        snapshot = self.snapshot
        machine = snapshot.machines.get(client.mac)
        if machine is not None:
            self.seen.see(client, now)
            return machine
        if snapshot.unknown is UnknownMachines.IGNORE:
            return None
        self.strangers.see(client, now)
        return Machine(mac=client.mac) if snapshot.unknown is UnknownMachines.BOOT else None

    def choice(self, mac: str | None, address: IPv4Address | None = None) -> Choice:
        """What the machine boots, and why; `address` is the one that it has or is offered, where known."""
        if mac is None:
            return Choice(plan=None, why="no machine is known at this address")
        snapshot = self.snapshot
        client = self.seen.client(mac) or self.strangers.client(mac) or Client(mac=mac)
        return choose(snapshot, facts_of(client, snapshot.machines.get(mac), address))

    def plan_of(self, mac: str | None, address: IPv4Address | None = None) -> BootPlan | None:
        """The plan of `choice`."""
        return self.choice(mac, address).plan

    def reserved_for(self, ip: IPv4Address) -> str | None:
        """The MAC of the machine that has `ip` reserved."""
        return self._by_ip.get(ip)

    def bootfile(self, mac: str, client: Client, address: IPv4Address | None = None) -> str:
        """The file that this client loads first; "" where it boots nothing from us.

        Only U-Boot gets a name: its own EFI step and other firmware would try to run the script.
        """
        if client.firmware is not Firmware.UBOOT or self.plan_of(mac, address) is None:
            return ""
        return SCRIPT_NAME

    def resolve(self, name: str, requester: Requester) -> Resource:
        """Return the bytes of `name` for a client.

        In this order: the plan's assets, the files we make for it, its texts, the folder for everybody.
        Raises RequestRefused: mostly NOT_FOUND, whose message says why in words for the log.
        """
        wanted = "/".join(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))
        mac = requester.mac
        choice = self.choice(mac, requester.address)
        plan = choice.plan
        if plan is not None:
            found = _from_plan(plan, wanted, name, mac, _scene(plan, requester))
            if found is not None:
                return found
        by_mac = _PXELINUX_MAC.fullmatch(wanted.lower())
        if by_mac and mac is None:  # no secret in it: a client whose address we did not give may read it
            other = self.plan_of(by_mac[1].replace("-", ":"))
            if other is not None:
                return Resource(name=name, data=pxelinux_config(other, {}, _scene(other, requester)).encode())
        if self._root is not None:
            return self._root.resolve(name)
        raise RequestRefused(RefusalReason.NOT_FOUND, _why_not(choice, mac))

    def script_for(self, mac: str, scene: Scene) -> str:
        """Return a machine's boot script as text, for people. Raises RequestRefused where it has none."""
        plan = self.plan_of(mac)
        if plan is None:
            raise RequestRefused(RefusalReason.NOT_FOUND, _why_not(self.choice(mac), mac))
        return _script(plan, scene)[0]


def _scene(plan: BootPlan, requester: Requester) -> Scene:
    words = (plan.cmdline, *plan.texts.values())
    return requester.scene(with_config=any("{config}" in text for text in words), plan=plan.name)


def _from_plan(plan: BootPlan, wanted: str, name: str, mac: str | None, scene: Scene) -> Resource | None:
    for asset in plan.assets():
        if asset.name == wanted:
            try:
                stamp(asset.path)
            except PlanError as exc:
                raise RequestRefused(RefusalReason.NOT_FOUND, f"plan {plan.name}: {exc}") from None
            return Resource(name=name, path=asset.path, mac=mac)
    if wanted == SCRIPT_NAME:
        script, newest = _script(plan, scene)
        image = script_image(script, name=f"bootlab {plan.name}", timestamp=newest & _U32)
        return Resource(name=name, data=image, mac=mac)
    own = f"{PXELINUX_FOLDER}01-{mac.replace(':', '-')}" if mac is not None else ""
    if wanted == f"{PXELINUX_FOLDER}default" or wanted.lower() == own:
        return Resource(name=name, data=pxelinux_config(plan, {}, scene).encode(), mac=mac)
    if wanted in plan.texts:
        return Resource(name=name, data=scene.fill(plan.texts[wanted]).encode(), mac=mac)
    return None


def _script(plan: BootPlan, scene: Scene) -> tuple[str, int]:
    """The boot script and the time of its newest asset, seconds since 1970.

    A missing file becomes a script that says so: on the console of a rack it is seen, in our log it is not.
    """
    try:
        stamps = {asset.name: stamp(asset.path) for asset in plan.assets()}
    except PlanError as exc:
        return refusal_script(f"plan {plan.name}: on the server, {exc}"), 0
    newest = max(s.mtime_ns for s in stamps.values()) // 1_000_000_000
    return boot_script(plan, {name: s.size for name, s in stamps.items()}, scene), newest


def _why_not(choice: Choice, mac: str | None) -> str:
    if choice.plan is None:
        return choice.why
    return f"plan {choice.plan.name} of machine {mac} has no such file"
