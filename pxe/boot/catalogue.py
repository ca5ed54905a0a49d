"""All machines and plans, and what each name means to each machine: the one place that decides which bytes.

DHCP asks for the boot file, TFTP and HTTP for names: all three see the same immutable Snapshot, which is
swapped as a whole, so that nobody ever waits for a writer and no answer mixes two states.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import IPv4Address
from pathlib import Path

from pxe.boot.assets import ChecksumCache
from pxe.boot.check import SCRIPT_NAME
from pxe.boot.classify import Client
from pxe.boot.files import FileRoot
from pxe.boot.grub_query import GrubQuery, boot_file, goes_on, split_query, why_nothing
from pxe.boot.loaders import Loaders, companion, loader_kind
from pxe.boot.made import Scripts, checked
from pxe.boot.names import IPXE_NAME, View, claimed_mac, normalise, script_kind, split_view, view_folder
from pxe.boot.render import Kind, Scene
from pxe.boot.requester import Requester
from pxe.boot.select import Choice, choose, facts_of
from pxe.boot.sightings import Sightings
from pxe.boot.snapshot import Snapshot
from pxe.errors import PlanError, RefusalReason, RequestRefused, ServiceError
from pxe.plan import Action, BootPlan, Firmware, Machine, Resource, Transport, UnknownMachines

_NOTHING = (Firmware.OS, Firmware.UNKNOWN)  # these take no boot file
# A Pi's ROM knows all its file names itself; that DHCP names one says that there is something to boot.
# Without one it gets no menu, and goes on to the next entry of its BOOT_ORDER.
_PI_FILE = "bootcode.bin"
_CONFIG_IN_TEMPLATE = re.compile(r"\bconfig\b")


@lru_cache(maxsize=4096)
def _stranger(mac: str) -> Machine:
    return Machine(mac=mac)


def _no_http(_server: IPv4Address) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class _Asking:
    """A request of which we know whose files are meant. `claimed`: only the name said so, so no secrets."""

    mac: str
    plan: BootPlan
    wanted: str
    name: str
    requester: Requester
    claimed: bool = False
    returns: bool = False  # a GRUB that has a grub.cfg of its own to go back to

    def resource(self, *, path: Path | None = None, data: bytes | None = None) -> Resource:
        return Resource(name=self.name, path=path, data=data, mac=None if self.claimed else self.mac)


class Catalogue:
    """The current snapshot, and what follows from it. Implements `pxe.boot.offer.MachineDirectory`.

    `root` is an optional folder whose files every client may read; `http` gives the base URL of our files by
    our address ("" where HTTP is off).
    """

    def __init__(
        self,
        snapshot: Snapshot,
        root: FileRoot | None = None,
        *,
        loaders: Loaders | None = None,
        http: Callable[[IPv4Address], str] = _no_http,
    ) -> None:
        self.snapshot = snapshot
        self.seen, self.strangers = Sightings(), Sightings()  # apart: no flood of strangers drives out ours
        self.checksums = ChecksumCache()
        self._scripts = Scripts(self.checksums)
        self.booting: dict[str, str] = {}  # MAC -> plan that it has fetched, until it starts anew
        self._by_ip: dict[int, str] = {}  # by whole number: see pxe.boot.free
        self._by_serial: dict[str, str] = {}
        self._root, self._loaders, self._http = root, loaders or Loaders(), http
        self.replace(snapshot)

    def replace(self, snapshot: Snapshot) -> None:
        """Answer from `snapshot` from now on; requests under way finish with the one they began with."""
        machines = snapshot.machines.values()
        self._by_ip = {int(m.ip): m.mac for m in machines if m.ip is not None}
        # A Raspberry Pi's folder is the low 32 bits of its serial number
        self._by_serial = {m.serial.lower()[-8:]: m.mac for m in machines if m.serial}
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
        if client.firmware not in (Firmware.OS, Firmware.UNKNOWN):
            self.booting.pop(client.mac, None)
        machine = snapshot.machines.get(client.mac)
        if machine is not None:
            self.seen.see(client, now)
            return machine
        if snapshot.unknown is UnknownMachines.IGNORE:
            return None
        self.strangers.see(client, now)
        return _stranger(client.mac) if snapshot.unknown is UnknownMachines.BOOT else None

    def client(self, mac: str) -> Client | None:
        """What DHCP saw of a machine last; None where it saw nothing."""
        return self.seen.client(mac) or self.strangers.client(mac)

    def remember(self, client: Client, now: float) -> None:
        """Take in what was seen in the life of an earlier worker; `now` in seconds since 1970."""
        if client.mac in self.snapshot.machines:
            self.seen.see(client, now)
        elif self.snapshot.unknown is UnknownMachines.BOOT:
            self.strangers.see(client, now)

    def choice(self, mac: str | None, address: IPv4Address | None = None, *, explain: bool = False) -> Choice:
        """What the machine boots, and why; `address` is the one that it has or is offered, where known.

        With `explain`, for people, its candidates as well.
        """
        if mac is None:
            return Choice(plan=None, why="no machine is known at this address")
        snapshot = self.snapshot
        client = self.client(mac) or Client(mac=mac)
        return choose(snapshot, facts_of(client, snapshot.machines.get(mac), address), explain=explain)

    def current(self, mac: str | None, address: IPv4Address | None = None) -> Choice:
        """What TFTP and HTTP serve to the machine: `choice`, but for one that has fetched a plan which then
        gave way to the next (boot-once, stages). Until that machine's firmware asks DHCP again, it gets what
        its plan still has to give: an installer fetches its preseed long after its kernel."""
        name = self.booting.get(mac) if mac is not None else None
        plan = self.snapshot.plans.get(name) if name is not None else None
        if plan is None:
            return self.choice(mac, address)
        return Choice(plan=plan, why=f"plan {plan.name}: it was fetched, and runs until the next start")

    def plan_of(self, mac: str | None, address: IPv4Address | None = None) -> BootPlan | None:
        """The plan of `choice`."""
        return self.choice(mac, address).plan

    def reserved_for(self, ip: IPv4Address) -> str | None:
        """The MAC of the machine that has `ip` reserved."""
        return self._by_ip.get(int(ip))

    def bootfile(
        self,
        mac: str,
        client: Client,
        address: IPv4Address | None = None,
        server: IPv4Address | None = None,
    ) -> str:
        """The file that this client loads first; "" where it boots nothing from us.

        `address` is what it has or is offered (None: another server gives it); `server` is ours. Raises
        PlanError where the client's firmware needs a loader that this host does not have.
        """
        if client.grub:
            http = self._http(server) if server is not None else ""
            return boot_file(self.plan_of(mac, address), server, http, "" if address else view_folder(mac))
        if client.firmware in _NOTHING:  # asked early: systems renew their leases day and night
            return ""
        plan = self.plan_of(mac, address)
        if plan is None:
            return ""
        if client.firmware is Firmware.RASPBERRY_PI:
            return _PI_FILE if plan.action is Action.BOOT else ""
        if client.firmware is Firmware.UBOOT:
            return SCRIPT_NAME
        http = self._http(server) if server is not None else ""
        # Where another server gives the addresses we may not know the machine by its own: its name tells
        folder = view_folder(mac) if address is None else ""
        if client.firmware is Firmware.IPXE:  # the script, never the loader: it would come back for ever
            over_http = client.ipxe_http and http and plan.transport is not Transport.TFTP
            return f"{http}/{folder}{IPXE_NAME}" if over_http else f"{folder}{IPXE_NAME}"
        name = self._loader_name(plan, client)
        if client.firmware is not Firmware.UEFI_HTTP:
            return f"{folder}{name}"
        if not http:
            raise PlanError("UEFI HTTP boot: HTTP is off here; set `http` in the site file")
        return f"{http}/{folder}{name}"

    def _loader_name(self, plan: BootPlan, client: Client) -> str:
        kind = loader_kind(client.firmware, client.arch) or ""
        efi_for_bios = kind == "bios" and plan.loader is not None and plan.loader.name.endswith(".efi")
        if plan.action is Action.BOOT and plan.loader is not None and not efi_for_bios:
            return plan.loader.name
        loader = self._loaders.of(kind)
        if client.firmware is Firmware.UEFI_HTTP and not loader.http:
            raise PlanError(
                f"{loader.name} cannot go on over HTTP: let the firmware boot by PXE, or name an iPXE for "
                f"{kind} in `loaders` of the site file"
            )
        return loader.name if client.sends_uuid else loader.bare or loader.name

    def resolve(self, name: str, requester: Requester) -> Resource:
        """Return the bytes of `name` for a client.

        In this order: the plan's files, the scripts we make for it, its tree, the same below the machine's
        view, the loaders, the folder for everybody. Raises RequestRefused: mostly NOT_FOUND, whose message
        says why in words for the log.
        """
        name, query = split_query(name)
        if query is not None:
            return self._resolve_query(name, query, requester)
        return self._resolve(name, requester)

    def _resolve_query(self, name: str, query: GrubQuery, requester: Requester) -> Resource:
        """The same for a GRUB that goes back to a grub.cfg of its own: a refusal is words on its console.

        The address says which machine it is; the query alone only where the address is nobody's.
        """
        mac = requester.mac
        if mac is not None:
            reason = query.contradicts(mac, self.machine(mac), self.client(mac))
            if reason:
                return Resource(name=name, data=goes_on(reason), mac=mac)
        elif query.mac:
            name = view_folder(query.mac) + name.replace("\\", "/").lstrip("/")
        try:
            return self._resolve(name, requester, returns=True)
        except RequestRefused as exc:
            if exc.reason is not RefusalReason.NOT_FOUND:
                raise
            why = why_nothing(
                self.machine(mac or query.mac), self.choice(mac or query.mac), query.mac, str(exc)
            )
            return Resource(name=name, data=goes_on(why), mac=mac)

    def _resolve(self, name: str, requester: Requester, *, returns: bool = False) -> Resource:
        wanted, mac = normalise(name), requester.mac
        choice = self.current(mac, requester.address)
        if mac is not None and choice.plan is not None:
            found = self._own(_Asking(mac, choice.plan, wanted, name, requester, returns=returns))
        elif mac is None:
            found = self._claimed(wanted, name, requester, returns)
        else:
            found = None
        if found is not None:
            return found
        loader = self._loaders.find(split_view(wanted)[1])
        if loader is not None:
            return Resource(name=name, path=loader, mac=mac)
        if self._root is not None:
            return self._root.resolve(name)
        raise RequestRefused(RefusalReason.NOT_FOUND, _why_not(choice, mac))

    def script_for(self, kind: Kind, mac: str, scene: Scene) -> str:
        """Return a machine's script as text, for people. Raises RequestRefused where it has none."""
        choice = self.choice(mac)
        if choice.plan is None:
            raise RequestRefused(RefusalReason.NOT_FOUND, choice.why)
        try:
            return self._scripts.make(kind, choice.plan, self._complete(scene, mac)).text
        except PlanError as exc:
            raise RequestRefused(RefusalReason.NOT_FOUND, str(exc)) from None

    def verify(self, snapshot: Snapshot) -> Iterator[str]:
        """Compute the checksums of all files that have one to be held against, ahead of the first machine.

        Yields a sentence for each file that will be refused.
        """
        for plan in snapshot.plans.values():
            for asset in plan.assets():
                try:
                    checked(asset, self.checksums)
                except PlanError as exc:
                    yield f"plan {plan.name}: {exc}"

    def _own(self, asking: _Asking) -> Resource | None:
        """What a machine that we know by its address gets: by plain name, or below a view of its own."""
        found = self._from_plan(asking)
        view, rest = split_view(asking.wanted)
        if found is not None or view is None:
            return found
        if not self._is_view_of(view, asking.mac):
            raise RequestRefused(
                RefusalReason.NOT_FOUND, f"that folder is not the one of machine {asking.mac}"
            )
        return self._from_plan(replace(asking, wanted=rest))

    def _is_view_of(self, view: View, mac: str) -> bool:
        if view.mac:
            return view.mac == mac
        owner = self._by_serial.get(view.serial)
        if owner is not None:
            return owner == mac
        machine = self.machine(mac)
        if machine is not None and machine.serial:
            return False
        # A Pi 3 tells its serial number to nobody before it asks for files
        client = self.seen.client(mac) or self.strangers.client(mac)
        if client is None:
            return True
        return client.firmware is Firmware.RASPBERRY_PI and client.serial in ("", view.serial)

    def _claimed(self, wanted: str, name: str, requester: Requester, returns: bool) -> Resource | None:
        """What a stranger gets who names a machine: all that holds no secret. Its own address may have come
        from another DHCP server."""
        view, rest = split_view(wanted)
        mac = claimed_mac(wanted) if view is None else view.mac or self._by_serial.get(view.serial)
        plan = self.current(mac).plan
        if mac is None or plan is None:
            return None
        return self._from_plan(_Asking(mac, plan, rest, name, requester, claimed=True, returns=returns))

    def _from_plan(self, asking: _Asking) -> Resource | None:
        plan, wanted = asking.plan, asking.wanted
        if plan.action is Action.BOOT:
            found = self._file_of(asking)
            if found is not None:
                return found
        address = None if asking.claimed else asking.requester.address
        kind = script_kind(wanted, mac=asking.mac, address=address, uuid=self._uuid(asking.mac))
        of_tree = (
            kind in (Kind.CONFIG_TXT, Kind.CMDLINE_TXT) and plan.kernel is None and plan.tree is not None
        )
        if kind is not None and not of_tree:
            return self._made(kind, asking)
        return _from_tree(asking) if plan.action is Action.BOOT and plan.tree is not None else None

    def _file_of(self, asking: _Asking) -> Resource | None:
        plan, wanted = asking.plan, asking.wanted
        for asset in plan.assets():
            if asset.name == wanted:
                try:
                    checked(asset, self.checksums)
                except PlanError as exc:
                    raise RequestRefused(RefusalReason.NOT_FOUND, f"plan {plan.name}: {exc}") from None
                return asking.resource(path=asset.path)
        if wanted in plan.texts and not asking.claimed:
            return asking.resource(
                data=self._scene(asking, plan.texts[wanted]).fill(plan.texts[wanted]).encode()
            )
        beside = companion(wanted, plan.loader.path) if plan.loader is not None else None
        return asking.resource(path=beside) if beside is not None else None

    def _made(self, kind: Kind, asking: _Asking) -> Resource:
        plan = asking.plan
        scene = self._scene(asking, plan.cmdline, plan.templates.get(kind, ""))
        try:
            made = self._scripts.make(kind, plan, scene)
        except PlanError as exc:
            raise RequestRefused(RefusalReason.NOT_FOUND, f"plan {plan.name}: {exc}") from None
        return asking.resource(data=made.data)

    def _scene(self, asking: _Asking, text: str, template: str = "") -> Scene:
        """The scene of scripts and texts; a token is minted only where `text` or `template` needs it."""
        requester = asking.requester
        needed = "{config}" in text or bool(_CONFIG_IN_TEMPLATE.search(template))
        minted = needed and not asking.claimed
        scene = Scene(
            server=requester.server,
            http=requester.http,
            config=requester.config(asking.plan.name) if minted else "",
            view=view_folder(asking.mac) if asking.claimed else "",
            returns=asking.returns,
        )
        return self._complete(scene, asking.mac)

    def _complete(self, scene: Scene, mac: str) -> Scene:
        machine = self.machine(mac)
        client = self.seen.client(mac) or self.strangers.client(mac)
        return replace(scene, mac=mac, client=client, name=machine.name if machine is not None else "")

    def _uuid(self, mac: str) -> str:
        machine, client = self.machine(mac), self.seen.client(mac) or self.strangers.client(mac)
        known = machine.uuid if machine is not None else ""
        return known or (str(client.uuid) if client is not None and client.uuid is not None else "")


def _from_tree(asking: _Asking) -> Resource | None:
    """A file of the plan's tree; None where it has none of that name. What leads out of it is refused."""
    assert asking.plan.tree is not None
    try:
        found = FileRoot(asking.plan.tree).resolve(asking.wanted)
    except ServiceError as exc:
        raise RequestRefused(RefusalReason.NOT_FOUND, f"plan {asking.plan.name}: tree: {exc}") from None
    except RequestRefused as exc:
        if exc.reason is RefusalReason.NOT_FOUND:
            return None
        raise
    return asking.resource(path=found.path)


def _why_not(choice: Choice, mac: str | None) -> str:
    if choice.plan is None:
        return choice.why
    return f"plan {choice.plan.name} of machine {mac} has no such file"
