"""A lab as one frozen value, read from `lab.yaml`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.companions import Companion
from lab.config import schema
from lab.config.api import api_settings
from lab.config.companions import companions_of
from lab.config.crosscheck import crosscheck
from lab.config.dhcp import dhcp_settings, listen_address
from lab.config.images import store_of
from lab.config.logs import log_settings
from lab.config.plans import check_words, machine_of, plan_of, rule_of
from lab.config.tftp import tftp_settings
from lab.config.validate import validate
from lab.config.yamlfile import KeyPath, read_yaml
from lab.model import DriverConfig, Place
from pxe.plan import BootPlan, Machine, PlanRule, UnknownMachines
from pxe.settings import HttpSettings, ServiceSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What a lab consists of. `machines` are all that may boot from it, those of its places included."""

    service: ServiceSettings
    plans: tuple[BootPlan, ...] = ()
    rules: tuple[PlanRule, ...] = ()
    machines: tuple[Machine, ...] = ()
    places: tuple[Place, ...] = ()
    companions: tuple[Companion, ...] = ()
    updates: Path | None = None
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
    machines = _machines(file)
    site = Site(
        service=_service(file, base),
        plans=tuple(plan_of(name, plan, base, store) for name, plan in file.plans.items()),
        rules=tuple(rule_of(name, rule) for name, rule in file.rules.items()),
        machines=tuple(machines.values()),
        places=tuple(_place(name, place) for name, place in file.places.items()),
        companions=companions_of(file, base, document),
        updates=base / file.updates if file.updates is not None else None,
        results=base / file.results,
    )
    check_words(document, site.plans, site.rules, machines, site.service)
    document.raise_faults()
    return site


def _service(site: schema.SiteFile, base: Path) -> ServiceSettings:
    file = site.service
    tftp = tftp_settings(file, base)
    http = None
    if file.http is not None:
        http = HttpSettings(listen=listen_address(file), port=file.http.port)
    loaders = {str(kind): (base / path).absolute() for kind, path in file.loaders.items()}
    return ServiceSettings(
        dhcp=dhcp_settings(file),
        tftp=tftp,
        http=http,
        logs=log_settings(site, base),
        api=api_settings(file.api, base),
        loaders=loaders,
        unknown=UnknownMachines(file.unknown),
        discovery=file.discovery,
        state_dir=base / file.state,
    )


def _machines(file: schema.SiteFile) -> dict[KeyPath, Machine]:
    """Those listed, and one for each place, by where the file says so."""
    listed: dict[KeyPath, Machine] = {
        ("machines", number): machine_of(part.name, part) for number, part in enumerate(file.machines)
    }
    return listed | {("places", name): machine_of(name, part) for name, part in file.places.items()}


def _place(name: str, file: schema.PlaceFile) -> Place:
    return Place(
        name=name,
        board_type=file.board,
        mac=file.mac,
        power=_driver(file.power),
        console=_driver(file.console),
        power_off_seconds=float(file.power_off_seconds),
        hostile=file.hostile,
    )


def _driver(part: dict[str, dict[str, Any]]) -> DriverConfig:
    ((kind, options),) = part.items()
    return DriverConfig(kind=kind, options=dict(options))
