"""A lab as one frozen value, read from `lab.yaml`."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import Any

from lab.config import schema
from lab.config.configs import check_plan_configs, config_of
from lab.config.crosscheck import crosscheck
from lab.config.dhcp import dhcp_settings
from lab.config.images import asset_of, store_of
from lab.config.tftp import tftp_settings
from lab.config.validate import validate
from lab.config.yamlfile import Document, read_yaml
from lab.model import DriverConfig, Place
from pxe.assets import Store
from pxe.boot.check import check_machine, check_plan
from pxe.errors import PlanError
from pxe.plan import Asset, BootPlan, Machine
from pxe.settings import ApiSettings, HttpSettings, ServiceSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What a lab consists of. `machines` are all that may boot from it, those of its places included."""

    service: ServiceSettings
    plans: tuple[BootPlan, ...] = ()
    machines: tuple[Machine, ...] = ()
    places: tuple[Place, ...] = ()
    results: Path

    def place(self, name: str) -> Place | None:
        """Return the place of that name, if there is one."""
        return next((place for place in self.places if place.name == name), None)


def load_site(path: Path) -> Site:
    """Return the site that a YAML file describes; relative paths in it are relative to its folder.

    Raises ConfigError with every fault in the file, each as `lab.yaml:LINE: path.to.key: sentence`.
    """
    document = read_yaml(path)
    file = validate(document, schema.SiteFile)
    crosscheck(document)
    document.raise_faults()
    assert file is not None
    base, store = path.absolute().parent, store_of(document)
    site = Site(
        service=_service(file.service, base),
        plans=tuple(_plan(name, plan, base, store) for name, plan in file.plans.items()),
        machines=_machines(file),
        places=tuple(_place(name, place) for name, place in file.places.items()),
        results=base / file.results,
    )
    _check_words(document, site)
    document.raise_faults()
    return site


def _service(file: schema.ServiceFile, base: Path) -> ServiceSettings:
    own = IPv4Interface(file.address)
    tftp = tftp_settings(file, base)
    http = None
    if file.http is not None:
        http = HttpSettings(listen=own.ip, port=file.http.port)
    socket = base / file.api.socket if file.api.socket is not None else None
    api = ApiSettings(socket=socket, listen=IPv4Address(file.api.listen), port=file.api.port)
    loaders = {str(kind): (base / path).absolute() for kind, path in file.loaders.items()}
    return ServiceSettings(
        dhcp=dhcp_settings(file),
        tftp=tftp,
        http=http,
        api=api,
        loaders=loaders,
        state_dir=base / file.state,
    )


def _plan(name: str, file: schema.PlanFile, base: Path, store: Store) -> BootPlan:
    def asset(part: schema.AssetFile, role: str = "") -> Asset:
        return asset_of(part, role, base, store)

    return BootPlan(
        name=name,
        kernel=asset(file.kernel, "kernel"),
        initrd=asset(file.initrd, "initrd") if file.initrd else None,
        dtb=asset(file.dtb, "dtb") if file.dtb else None,
        cmdline=file.cmdline,
        files=tuple(asset(part) for part in file.files),
        texts=dict(file.texts),
        configs=tuple(config_of(part, base) for part in file.configs),
        fdt_address=file.fdt_address,
    )


def _machines(file: schema.SiteFile) -> tuple[Machine, ...]:
    """Those listed, and one for each place."""
    parts: list[tuple[str, schema.MachineFile | schema.PlaceFile]] = [(m.name, m) for m in file.machines]
    parts += list(file.places.items())
    return tuple(Machine(mac=p.mac, name=name, ip=_optional(p.ip), plan=p.plan) for name, p in parts)


def _place(name: str, file: schema.PlaceFile) -> Place:
    return Place(
        name=name,
        board_type=file.board,
        mac=file.mac,
        power=_driver(file.power),
        console=_driver(file.console),
        power_off_seconds=float(file.power_off_seconds),
    )


def _driver(part: dict[str, dict[str, Any]]) -> DriverConfig:
    ((kind, options),) = part.items()
    return DriverConfig(kind=kind, options=dict(options))


def _optional(text: str | None) -> IPv4Address | None:
    return IPv4Address(text) if text is not None else None


def _check_words(document: Document, site: Site) -> None:
    """Ask the boot service's own checks what it will refuse, while we still know the line."""
    for plan in site.plans:
        try:
            check_plan(plan)
        except PlanError as exc:
            document.fault(("plans", plan.name), str(exc))
        check_plan_configs(document, plan)
    listed = len(site.machines) - len(site.places)
    for number, machine in enumerate(site.machines):
        try:
            check_machine(machine)
        except PlanError as exc:
            where = ("machines", number) if number < listed else ("places", machine.name)
            document.fault(where, str(exc))
