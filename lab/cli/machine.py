"""`bootlab machine`: which machines there are, what each boots, and why."""

from typing import Any

import click

from lab.cli.api import fields, json_option, print_json, print_table, with_api
from lab.cli.log import log
from lab.errors import UsageError
from lab.netboot import BootService, Missing
from pxe.plan import normalise_mac

_FIELDS = ("mac", "name", "ip", "plan", "next_plan", "hold", "uuid", "serial", "tags", "source")


@click.group()
def machine() -> None:
    """The machines that boot from us."""


machine.add_command(log)


@machine.command("list")
@json_option
@with_api
def list_machines(service: BootService, *, as_json: bool) -> None:
    """List all machines."""
    found, _ = service.ask("GET", "/machines")
    if as_json:
        print_json(found["machines"])
        return
    columns = ("MAC", "name", "address", "plan", "next", "held", "tags", "from")
    keys = ("mac", "name", "ip", "plan", "next_plan", "hold", "tags", "source")
    print_table(columns, ([m[key] for key in keys] for m in found["machines"]), "no machines")


@machine.command()
@click.argument("mac")
@json_option
@with_api
def show(service: BootService, mac: str, *, as_json: bool) -> None:
    """Show a machine, and what it boots at its next start and why."""
    mac = normalise_mac(mac)
    found, etag = service.ask("GET", f"/machines/{mac}")
    choice, _ = service.ask("GET", f"/machines/{mac}/choice")
    if as_json:
        print_json({**found, "etag": etag, "choice": choice})
        return
    fields(_FIELDS, found)
    what = f"plan {choice['plan']}" if choice["plan"] else "nothing from us"
    click.echo(f"boots next: {what}: {choice['why'].removeprefix(f'{what}: ')}")
    for candidate in choice["candidates"]:
        click.echo(f"  {'*' if candidate['chosen'] else '-'} {candidate['source']}: {candidate['why']}")


@machine.command("set")
@click.argument("mac")
@click.option("--name", help="A name for people and logs.")
@click.option("--ip", help="The address reserved for it; '' for none.")
@click.option("--plan", help="The plan that it boots; '' for what the rules say.")
@click.option("--uuid", help="The UUID of its SMBIOS.")
@click.option("--serial", help="Its serial number.")
@click.option("--tag", "tags", multiple=True, help="A word that rules select by; takes the place of all.")
@click.option(
    "--version", "etag", default="", help="The `etag` of `show --json`: refuse if it changed since."
)
@with_api
def set_machine(
    service: BootService, mac: str, etag: str, tags: tuple[str, ...], **given: str | None
) -> None:
    """Add the machine MAC, or change what is given of it.

    \b
    Example:
      bootlab machine set 52:54:00:12:34:56 --name spare --plan disk --tag rack1
    """
    mac = normalise_mac(mac)
    try:
        found, version = service.ask("GET", f"/machines/{mac}")
        condition = {"If-Match": etag or version}
    except Missing:
        found, condition = {}, {"If-None-Match": "*"}
        if etag:
            raise UsageError(f"machine {mac} is not there any more") from None
    body: dict[str, Any] = {key: value for key, value in found.items() if key != "source"}
    for key, value in given.items():
        if value is not None:
            body[key] = value or (None if key in ("ip", "plan") else "")
    if tags:
        body["tags"] = list(tags)
    answer, _ = service.ask("PUT", f"/machines/{mac}", body, headers=condition)
    for warning in answer["warnings"]:
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"machine {mac} is {'changed' if found else 'added'}")


@machine.command()
@click.argument("mac")
@with_api
def rm(service: BootService, mac: str) -> None:
    """Forget a machine, or what was set over the site file."""
    service.ask("DELETE", f"/machines/{normalise_mac(mac)}")
    click.echo(f"machine {normalise_mac(mac)} is forgotten")


@machine.command()
@click.argument("mac")
@with_api
def hold(service: BootService, mac: str) -> None:
    """Keep a machine from booting anything until it is released."""
    service.ask("POST", f"/machines/{normalise_mac(mac)}/hold", {})
    click.echo(f"machine {normalise_mac(mac)} boots nothing until it is released")


@machine.command()
@click.argument("mac")
@with_api
def release(service: BootService, mac: str) -> None:
    """Let a held machine boot again."""
    service.ask("POST", f"/machines/{normalise_mac(mac)}/release", {})
    click.echo(f"machine {normalise_mac(mac)} may boot")


@machine.command("next")
@click.argument("mac")
@click.argument("plan", required=False)
@with_api
def boot_next(service: BootService, mac: str, plan: str | None) -> None:
    """Let a machine boot PLAN once, at its next start; without PLAN: as always."""
    service.ask("POST", f"/machines/{normalise_mac(mac)}/next", {"plan": plan})
    click.echo(f"machine {normalise_mac(mac)} boots {plan or 'as always'} at its next start")
