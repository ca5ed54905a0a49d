"""The query of a GRUB that goes back to a grub.cfg of its own."""

from dataclasses import replace
from ipaddress import IPv4Address
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pxe.boot.catalogue import Catalogue
from pxe.boot.classify import Client
from pxe.boot.grub_query import GrubQuery, goes_on, split_query
from pxe.boot.requester import Requester
from pxe.boot.snapshot import Snapshot
from pxe.plan import Action, Asset, BootPlan, Firmware, Machine, Transport

SERVER, ADDRESS = IPv4Address("10.99.0.1"), IPv4Address("10.99.0.50")
MAC, OTHER = "52:54:00:00:00:01", "52:54:00:00:00:02"
ID = UUID("5c1f7c1e-4b1d-4f0a-9a57-6f1d2a3b4c5d")
GRUB = Client(mac=MAC, firmware=Firmware.OS, grub=True)


def catalogue(plan, **machine):
    known = Machine(mac=MAC, plan=plan.name, **machine)
    return Catalogue(Snapshot({MAC: known}, {plan.name: plan}), http=lambda server: f"http://{server}")


def told(found, query, mac=MAC):
    requester = Requester(mac=mac, server=SERVER, address=ADDRESS if mac else None, http="http://10.99.0.1")
    return found.resolve(f"/grub.cfg?{query}", requester).data.decode()


@pytest.mark.parametrize(
    ("name", "path", "query"),
    [
        ("/grub.cfg?mac=52-54-00-00-00-01", "/grub.cfg", GrubQuery(mac=MAC)),
        (f"grub.cfg?uuid={ID}&serial=A b&mac=", "grub.cfg", GrubQuery(uuid=ID, serial="A b")),
        ("grub.cfg?uuid=00000000-0000-0000-0000-000000000000&serial=", "grub.cfg", GrubQuery()),
        ("grub.cfg?" + "&".join("abcdefghijklmnopqrstuvwxyz"), "grub.cfg", GrubQuery()),
        ("grub.cfg", "grub.cfg", None),
        ("linux?mac=52-54-00-00-00-01", "linux?mac=52-54-00-00-00-01", None),
    ],
)
def test_what_is_read(name, path, query):
    assert split_query(name) == (path, query)


@given(st.text(max_size=60))
def test_any_query_is_answered_in_one_line_of_words(query):
    said = told(catalogue(BootPlan(name="p", action=Action.LOCAL)), query)
    assert said.isascii()
    goes_on(query)


@pytest.mark.parametrize("form", [ID, UUID(bytes=ID.bytes_le)])  # GRUB's order of bytes depends on SMBIOS
def test_a_uuid_of_either_order_is_the_machines(form):
    assert GrubQuery(uuid=form).contradicts(MAC, Machine(mac=MAC, uuid=str(ID)), None) == ""
    assert GrubQuery(uuid=form).contradicts(MAC, None, replace(GRUB, uuid=ID)) == ""


@pytest.mark.parametrize(
    ("query", "why"),
    [
        (f"mac={OTHER}", f"this address is of the machine {MAC}, and GRUB says that it is {OTHER}"),
        ("uuid=6c1f7c1e-4b1d-4f0a-9a57-6f1d2a3b4c5d", f"machine {MAC} has the UUID {ID}"),
        ("serial=BL-5", f"machine {MAC} has the serial number BL-4, and GRUB says BL-5"),
        ('serial="; reboot; echo "', "GRUB says ?? reboot? echo ?"),
    ],
)
def test_another_machines_query_gets_words_and_no_plan(query, why):
    found = catalogue(BootPlan(name="p", action=Action.LOCAL), uuid=str(ID), serial="BL-4")
    said = told(found, query)
    assert why in said
    assert "plan p" not in said
    assert said.splitlines()[1] == 'echo "bootlab: GRUB goes on with its own grub.cfg"'


def test_local_returns_to_grubs_own_file_and_hold_asks_with_the_query():
    local, hold = (catalogue(BootPlan(name="p", action=a)) for a in (Action.LOCAL, Action.HOLD))
    assert "exit" not in told(local, f"mac={MAC}")
    assert "trying again" not in told(local, f"mac={MAC}")
    assert "exit 1" in local.resolve("/grub.cfg", Requester(mac=MAC, server=SERVER)).data.decode()
    held = told(hold, "")
    assert f"source '(tftp,10.99.0.1)/grub/grub.cfg?mac={MAC}'" in held
    assert 'while [ -z "${bootlab_done}" ]' in held
    assert "bootlab_done" not in hold.resolve("/grub.cfg", Requester(mac=MAC, server=SERVER)).data.decode()


def test_a_plan_with_only_a_loader_does_not_load_it_again(tmp_path):
    loader = tmp_path / "grub.efi"
    loader.write_bytes(b"MZ")
    said = told(catalogue(BootPlan(name="p", loader=Asset("grub.efi", loader))), f"mac={MAC}")
    assert "the plan has no kernel for GRUB" in said
    assert "chainloader" not in said
    assert "sleep" not in said


@pytest.mark.parametrize(
    ("transport", "http", "name"),
    [
        (Transport.AUTO, "http://10.99.0.1", "(tftp,10.99.0.1)/grub.cfg"),
        (Transport.HTTP, "http://10.99.0.1", "(http,10.99.0.1)/grub.cfg"),
        (Transport.HTTP, "http://10.99.0.1:8080", "(tftp,10.99.0.1)/grub.cfg"),
        (Transport.HTTP, "", "(tftp,10.99.0.1)/grub.cfg"),
    ],
)
def test_the_boot_file_is_in_grubs_way_of_writing(transport, http, name):
    plan = BootPlan(name="p", action=Action.LOCAL, transport=transport)
    found = Catalogue(Snapshot({MAC: Machine(mac=MAC, plan="p")}, {"p": plan}), http=lambda server: http)
    assert found.bootfile(MAC, GRUB, ADDRESS, SERVER) == name
    assert found.bootfile(MAC, replace(GRUB, grub=False), ADDRESS, SERVER) == ""
    assert found.bootfile(OTHER, replace(GRUB, mac=OTHER), ADDRESS, SERVER) == ""
