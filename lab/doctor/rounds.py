"""All checks in the order of a boot, and a round of them."""

import importlib
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from lab.config import Site
from lab.doctor.finding import Finding, Verdict, unknown
from lab.model import Place
from pxe.settings import DhcpSettings

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Patient:
    """What is examined. `site` is None where there is no site file to read: then only the host is looked at.

    `interfaces` restricts the network's checks to those of the site file named here. `netns`: the network
    namespace (a path) of a machine from whose end of the wire TFTP and HTTP are tried.
    """

    site: Site | None
    config: Path
    interfaces: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()
    netns: Path | None = None
    wait_seconds: float = 4.0  # for answers to our DISCOVER

    @property
    def links(self) -> tuple[DhcpSettings, ...]:
        """The interfaces with DHCP that are to be looked at."""
        if self.site is None:
            return ()
        return tuple(
            link
            for link in self.site.service.dhcp
            if not self.interfaces or link.interface in self.interfaces
        )


Check = Callable[[Patient], Iterable[Finding]]

# name -> "module:function". A literal dictionary: grep finds every check.
CHECKS = {
    "packages": "lab.doctor.packages:check_packages",
    "tools": "lab.doctor.tools:check_tools",
    "plans": "lab.doctor.plans:check_plans",
    "rights": "lab.doctor.rights:check_rights",
    "disk": "lab.doctor.disk:check_disk",
    "clock": "lab.doctor.clock:check_clock",
    "interface": "lab.doctor.links:check_links",
    "spanning tree": "lab.doctor.links:check_spanning_tree",
    "kernel": "lab.doctor.kernel:check_kernel",
    "ports": "lab.doctor.ports:check_ports",
    "firewall": "lab.doctor.firewall:check_firewall",
    "other servers": "lab.doctor.servers:check_servers",
    "service": "lab.doctor.service:check_service",
    "tftp": "lab.doctor.reach:check_tftp",
    "http": "lab.doctor.reach:check_http",
    "place": "lab.doctor.place:check_places",
}


def examine(patient: Patient, names: Iterable[str] = tuple(CHECKS)) -> Iterator[Finding]:
    """Yield the findings of the checks in `names`, each as soon as it is there.

    A check that itself fails is a finding, too, and ends no other.
    """
    for name in names:
        module, _, function = CHECKS[name].partition(":")
        check: Check = getattr(importlib.import_module(module), function)
        try:
            for finding in check(patient):
                yield replace(finding, check=name)
        except Exception as exc:
            _log.debug("the check %s failed", name, exc_info=True)
            yield replace(unknown(f"the check itself failed, a bug of bootlab: {exc!r}"), check=name)


def exit_code(findings: Iterable[Finding]) -> int:
    """0: nothing that must be mended; 2: the site file is at fault, 4: the lab's equipment."""
    faults = [finding for finding in findings if finding.verdict is Verdict.FAULT]
    if not faults:
        return 0
    return 2 if any(finding.in_file for finding in faults) else 4
