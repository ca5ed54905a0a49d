"""`bootlab image unpack`: the kernel inside an EFI zboot kernel, for U-Boot's booti."""

from pathlib import Path

import click

from lab.cli.writing import write_whole
from lab.errors import UsageError
from pxe.assets.zboot import unpack as unpack_zboot
from pxe.boot.sniff import program
from pxe.errors import AssetError


@click.command()
@click.argument("kernel", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
def unpack(kernel: Path, target: Path) -> None:
    """Write the plain kernel that the EFI zboot KERNEL holds to TARGET.

    UEFI starts a zboot kernel as it is; U-Boot's booti needs what is inside.

    \b
    Example:
      bootlab image unpack vmlinuz Image
      bootlab image add mine --version 1 --arch arm64 kernel=Image
    """
    try:
        data = kernel.read_bytes()
    except OSError as exc:
        raise UsageError(f"{kernel}: {exc.strerror}") from None
    try:
        inside = unpack_zboot(data)
    except AssetError as exc:
        raise UsageError(f"{kernel}: {exc}") from None
    write_whole(target, inside)
    click.echo(f"{target}: {program(inside).kind or 'a kernel of no kind that we know'}, {len(inside)} bytes")
