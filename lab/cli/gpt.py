"""`bootlab gpt`: the slots of Flatcar in the partition table of a disk or an image. docs/flatcar.md."""

import json
from pathlib import Path
from typing import Any

import click

from lab.cli.api import print_table
from lab.cli.image_store import json_option
from lab.systems.flatcar import gpt as disk
from lab.systems.flatcar.slots import MOST, Slot, choose, prioritize, slots_of, with_slots

_image = click.argument("image", type=click.Path(path_type=Path))
_slot = click.argument("slot", metavar="PARTITION")


@click.group()
def gpt() -> None:
    """Priority, tries and success of Flatcar's slots: in an image, or on a disk that nobody has mounted."""


@gpt.command()
@_image
@json_option
def show(image: Path, *, as_json: bool) -> None:
    """Show the partitions, and which slot boots next."""
    with disk.opened(image) as file:
        table = disk.read(file)
    slots = slots_of(table)
    found = choose(slots)
    rows = [_row(partition, slots, found) for partition in table.partitions]
    if as_json:
        click.echo(json.dumps({"whole": table.whole, "boots": found, "partitions": rows}, indent=2))
        return
    keys = ("number", "name", "priority", "tries", "successful", "boots", "guid")
    shown = ([_shown(row[key]) for key in keys] for row in rows)
    print_table(("partition", "name", "priority", "tries", "successful", "boots next", "guid"), shown, "none")
    if not table.whole:
        click.echo("the two copies of the table differ, or one is damaged; `set` writes both", err=True)
    if slots and found is None:
        click.echo("no slot boots: none was successful and none has tries left", err=True)


@gpt.command("set")
@_image
@_slot
@click.option("--priority", type=click.IntRange(0, MOST), help="The highest boots; 0: never.")
@click.option("--tries", type=click.IntRange(0, MOST), help="How often it may be tried yet.")
@click.option("--successful/--not-successful", default=None, help="Whether it is known to be good.")
def set_slot(
    image: Path, slot: str, priority: int | None, tries: int | None, *, successful: bool | None
) -> None:
    """Set what the table says of a slot (a number, or a name such as USR-A); what is not given stays."""
    with disk.opened(image, write=True) as file:
        table = disk.read(file)
        partition = table.partition(slot)
        now = Slot.of(partition.attributes)
        made = Slot(
            now.priority if priority is None else priority,
            now.tries if tries is None else tries,
            now.successful if successful is None else successful,
        )
        disk.write(file, with_slots(table, {partition.number: made}))
    click.echo(f"{partition.name}: priority {made.priority}, tries {made.tries}, {_good(made)}")


@gpt.command("prioritize")
@_image
@_slot
def prioritize_slot(image: Path, slot: str) -> None:
    """Give a slot the highest priority: by hand the way back to the version before."""
    with disk.opened(image, write=True) as file:
        table = disk.read(file)
        partition = table.partition(slot)
        made = prioritize(slots_of(table), partition.number)
        disk.write(file, with_slots(table, made))
    click.echo(f"{partition.name}: priority {made[partition.number].priority}")
    if choose(made) != partition.number:
        click.echo("it will not boot: it was not successful and has no tries left; set --tries 1", err=True)


def _row(partition: disk.Partition, slots: dict[int, Slot], boots: int | None) -> dict[str, Any]:
    slot = slots.get(partition.number)
    return {
        "number": partition.number,
        "name": partition.name,
        "type": str(partition.type),
        "guid": str(partition.guid),
        "priority": slot.priority if slot else None,
        "tries": slot.tries if slot else None,
        "successful": slot.successful if slot else None,
        "boots": partition.number == boots,
    }


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return "" if value is None else str(value)


def _good(slot: Slot) -> str:
    return "successful" if slot.successful else "not successful"
