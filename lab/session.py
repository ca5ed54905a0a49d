"""A site brought up: boards in our hands, and the boot service that they boot from.

Emulated places get a sandbox with a boot service of their own in it. Real ones boot from the service that
runs in their network (`bootlab serve`), which is asked over its API.
"""

import dataclasses
import json
import sys
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lab.board import Board
from lab.config import Site, load_board_type
from lab.console.alarms import RULES, AlarmRule
from lab.console.session import Console
from lab.console.transcript import Transcript
from lab.drivers.build import build_drivers
from lab.errors import InfrastructureError, UsageError
from lab.model import Place
from lab.netboot import BootService
from lab.sandbox import Sandbox, SandboxProcess
from pxe.plan import BootPlan, Machine
from pxe.settings import DhcpMode, ServiceSettings, Subnet, TftpSettings

_READY_SECONDS = 30.0
# Our boot script and U-Boot say why there is no kernel to start; the firmware would go on to try other ways.
CANNOT_BOOT = AlarmRule("cannot-boot", rb"^bootlab: cannot boot: |Bad Linux ARM64 Image magic")


class LabSession:
    """Use as a context manager: leaving it powers all boards off and takes the sandbox away."""

    def __init__(self, site: Site, *, link_kind: str = "auto") -> None:
        self.site = site
        self.link_kind = link_kind
        self.sandbox: Sandbox | None = None
        self.server: SandboxProcess | None = None
        self._service: BootService | None = None
        self._boards: dict[str, Board] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Power off, let go of everything; may be called twice."""
        self._stack.close()
        self._boards.clear()
        self._service = self.sandbox = self.server = None

    def place(self, name: str) -> Place:
        """Return the place of that name. Raises UsageError, with the names there are."""
        place = self.site.place(name)
        if place is None:
            names = ", ".join(p.name for p in self.site.places) or "none"
            raise UsageError(f"there is no place {name!r}; places of this site: {names}")
        return place

    def board(self, name: str) -> Board:
        """Acquire a place: its console is read from now on. The power stays as it is."""
        if name not in self._boards:
            place = self.place(name)
            board_type = load_board_type(place.board_type)
            sandbox = self._sandbox() if place.power.kind == "qemu" else None
            power, stream = build_drivers(place, board_type, sandbox)
            console = Console(stream, Transcript(), rules=(*RULES, CANNOT_BOOT))
            console.start()
            self._stack.callback(console.close)
            self._stack.callback(power.off)
            self._boards[name] = Board(place, board_type, power, console)
        return self._boards[name]

    def service(self, place: Place) -> BootService:
        """The boot service of a place, ready. Raises InfrastructureError where it does not answer."""
        if self._service is None:
            api: Path | str
            if place.power.kind == "qemu":
                api = self._serve_in_sandbox()
            else:
                settings = self.site.service.api
                api = settings.socket or f"http://{settings.listen}:{settings.port}"
            self._service = self._stack.enter_context(BootService(api))
            self._await(self._service)
        return self._service

    @property
    def service_log(self) -> str:
        """What the sandbox's boot service said so far; empty without one."""
        if self.sandbox is None:
            return ""
        try:
            return (self.sandbox.runtime_dir / "service.log").read_text(errors="replace")
        except OSError:
            return ""

    def assign(self, place: Place, plan: BootPlan) -> None:
        """Let the place's machine boot `plan` from now on."""
        service = self.service(place)
        service.put_plan(plan)
        known = next((m for m in self.site.machines if m.mac == place.mac), None)
        machine = known or Machine(mac=place.mac, name=place.name)
        service.put_machine(dataclasses.replace(machine, plan=plan.name))

    def server_address(self, place: Place) -> str:
        """The boot service's address as the place's machine sees it."""
        if place.power.kind == "qemu":
            return str(self._sandbox().address)
        http = self.site.service.http
        return str(http.listen) if http is not None else ""

    def interface(self, place: Place) -> str:
        """The interface that the place's packets pass on this host; "" where there is none to listen on."""
        if place.power.kind == "qemu":
            return self._sandbox().link(place.name).interface
        here = next((dhcp.interface for dhcp in self.site.service.dhcp), "")
        return here if Path("/sys/class/net", here).exists() else ""

    def _sandbox(self) -> Sandbox:
        if self.sandbox is None:
            dhcp = self.site.service.dhcp
            address = str(dhcp[0].address) if dhcp else "10.99.0.1/24"
            self.sandbox = self._stack.enter_context(Sandbox.create(address=address, kind=self.link_kind))
        return self.sandbox

    def _serve_in_sandbox(self) -> Path:
        """Start `bootlab serve` inside; return the path of its API socket."""
        sandbox = self._sandbox()
        site, api = sandbox.runtime_dir / "site.yaml", sandbox.runtime_dir / "api.sock"
        document = site_document(self.site.service, sandbox, api)
        site.write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML
        with (sandbox.runtime_dir / "service.log").open("wb") as log:
            argv = [sys.executable, "-m", "lab", "serve", "-c", str(site)]
            self.server = sandbox.spawn(argv, stdout=log, stderr=log)
        return api

    def _await(self, service: BootService) -> None:
        try:
            service.wait_ready(_READY_SECONDS)
        except InfrastructureError as error:
            words = self.service_log.strip().splitlines()[-5:]
            raise InfrastructureError("\n  ".join([str(error), *words])) from error


def site_document(settings: ServiceSettings, sandbox: Sandbox, api: Path) -> dict[str, Any]:
    """The site file of the sandbox's service: that of the site, on the sandbox's bridge, state included."""
    document: dict[str, Any] = {
        "interface": sandbox.bridge,
        "address": str(sandbox.interface),
        "api": {"socket": str(api)},
        "state": str(sandbox.runtime_dir / "state"),
    }
    if settings.dhcp and settings.dhcp[0].mode is DhcpMode.PROXY:
        document["dhcp"] = {"mode": "proxy"}
    own = settings.dhcp[0].own if settings.dhcp else None
    if own is not None:
        behind_relays = [s for s in settings.dhcp[0].subnets if s is not own]
        subnets = [{"network": str(subnet.network), **_subnet(subnet)} for subnet in behind_relays]
        document["dhcp"] = {**_subnet(own), "subnets": subnets}
    if settings.tftp is not None:
        document["tftp"] = _tftp(settings.tftp)
    if settings.logs is not None:
        document["logs"] = {"syslog": settings.logs.syslog, "netconsole": settings.logs.netconsole}
    if settings.http is not None:
        document["http"] = {"port": settings.http.port}
    if settings.loaders:
        document["loaders"] = {kind: str(path) for kind, path in settings.loaders.items()}
    return {"service": document}


def _subnet(subnet: Subnet) -> dict[str, Any]:
    pools = [{"start": str(pool.first), "end": str(pool.last)} for pool in subnet.ranges]
    part = {"pools": pools, "lease_seconds": subnet.lease_seconds, "dns": [str(a) for a in subnet.dns]}
    return part if subnet.router is None else {**part, "router": str(subnet.router)}


def _tftp(settings: TftpSettings) -> dict[str, Any]:
    part: dict[str, Any] = {"port": settings.port, "single_port": settings.single_port}
    if settings.root is not None:
        part["root"] = str(settings.root)
    if settings.upload is not None:
        part["upload"] = {**dataclasses.asdict(settings.upload), "folder": str(settings.upload.folder)}
    if settings.port_range is not None:
        part["port_range"] = dict(zip(("first", "last"), settings.port_range, strict=True))
    if settings.rollover_to_1:
        part["rollover_to_1"] = list(settings.rollover_to_1)
    return part
