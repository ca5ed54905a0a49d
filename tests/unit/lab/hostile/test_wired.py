"""Real hardware is left alone unless its place says otherwise and nobody else is on its wire."""

from dataclasses import replace
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from lab.config.default import default_site
from lab.errors import InfrastructureError, UsageError
from lab.hostile.wired import others, wired
from lab.model import DriverConfig, Place
from lab.session import LabSession

PLACE = Place(
    name="pi",
    board_type="qemu-virt-arm64",
    mac="52:54:00:aa:00:01",
    power=DriverConfig(kind="pdu"),
    console=DriverConfig(kind="serial"),
)
SITE = default_site(Path("results"))


def refused(site, place, message, kind=UsageError):
    with LabSession(site) as session, pytest.raises(kind, match=message), wired(session, site, place):
        pass


def test_a_place_that_does_not_say_so():
    refused(SITE, PLACE, "say `hostile: true` at it")


def test_a_site_without_an_interface_of_ours():
    site = replace(SITE, service=replace(SITE.service, dhcp=()))
    refused(site, replace(PLACE, hostile=True), "no service.dhcp")


def test_an_interface_that_is_not_here():
    (link,) = SITE.service.dhcp
    site = replace(SITE, service=replace(SITE.service, dhcp=(replace(link, interface="nosuch0"),)))
    refused(site, replace(PLACE, hostile=True), "cannot listen on nosuch0", InfrastructureError)


def test_a_network_too_wide_to_be_sure_of():
    with pytest.raises(UsageError, match="too wide"):
        others("lo", IPv4Interface("10.0.0.1/8"), PLACE.mac)
