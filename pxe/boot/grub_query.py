"""What a GRUB asks for that has a grub.cfg of its own, on a disk: `grub.cfg?uuid=U&serial=S&mac=M`.

Flatcar's does so, after a second DHCP that names the file. It reads our text, and where that starts no kernel
goes on with its own: so what we have to say is said on its console, and it is let go.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address
from urllib.parse import parse_qsl
from uuid import UUID

from pxe.boot.classify import Client
from pxe.boot.render.escape import for_people
from pxe.boot.select import Choice
from pxe.errors import PlanError
from pxe.plan import BootPlan, Machine, Transport, normalise_mac

GRUB_NAME = "grub.cfg"
_FIELDS = 16


@dataclass(frozen=True, slots=True)
class GrubQuery:
    """What it says of itself, which anybody could; "" and None: nothing, or nothing that can be read."""

    mac: str = ""
    uuid: UUID | None = None
    serial: str = ""

    def contradicts(self, mac: str, machine: Machine | None, client: Client | None) -> str:
        """Why this cannot be the machine `mac`, whose the address is; "" where it can."""
        if self.mac and self.mac != mac:
            return f"this address is of the machine {mac}, and GRUB says that it is {self.mac}"
        known = _uuid(machine.uuid) if machine is not None and machine.uuid else None
        if known is None and client is not None:
            known = client.uuid
        if self.uuid and known and known not in (self.uuid, UUID(bytes=self.uuid.bytes_le)):
            return f"machine {mac} has the UUID {known}, and GRUB says {self.uuid}"
        serial = machine.serial if machine is not None else ""
        if self.serial and serial and self.serial.lower() != serial.lower():
            return f"machine {mac} has the serial number {serial}, and GRUB says {self.serial}"
        return ""


def split_query(name: str) -> tuple[str, GrubQuery | None]:
    """Return a name without the query, and that; None where `name` is not grub.cfg with a query."""
    path, mark, query = name.partition("?")
    if not mark or not path.endswith(GRUB_NAME):
        return name, None
    try:
        said = dict(parse_qsl(query, errors="replace", max_num_fields=_FIELDS))
    except ValueError:  # too many
        said = {}
    try:
        mac = normalise_mac(said.get("mac", ""))
    except PlanError:
        mac = ""
    return path, GrubQuery(mac, _uuid(said.get("uuid", "")), said.get("serial", "").strip())


def boot_file(plan: BootPlan | None, server: IPv4Address | None, http: str, folder: str) -> str:
    """Return what the second DHCP names, in GRUB's way of writing: GRUB 2.06 knows no URLs. "": no plan.

    HTTP (`http` is our base URL) only where the plan wants it: GRUB sends the query as it is, and a serial
    number with a space in it is no HTTP; TFTP does not mind.
    """
    if plan is None or server is None:
        return ""
    port_80 = bool(http) and ":" not in http.removeprefix("http://")  # it knows no other
    protocol = "http" if plan.transport is Transport.HTTP and port_80 else "tftp"
    return f"({protocol},{server})/{folder}{GRUB_NAME}"


def why_nothing(machine: Machine | None, choice: Choice, said: str, refused: str) -> str:
    """Return in words for a console why there is no grub.cfg; `said` is the query's MAC."""
    if machine is None and said:
        return f"no machine {said} is known"
    if machine is None:
        return "no machine is known at this address, and GRUB says no MAC"
    return choice.why if choice.plan is None else refused


def goes_on(reason: str) -> bytes:
    """Return a grub.cfg that says why there is nothing from us; the time to read it, before a menu comes."""
    return (
        f'echo "bootlab: nothing to boot from here: {for_people(reason)}"\n'
        'echo "bootlab: GRUB goes on with its own grub.cfg"\n'
        "sleep 3\n"
    ).encode()


def _uuid(text: str) -> UUID | None:
    """None also where all bits are the same: firmware that was given none says so."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return None if found.int in (0, 2**128 - 1) else found
