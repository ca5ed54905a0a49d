"""Which catalogue a command means: its options, and the catalogue itself."""

from pathlib import Path
from typing import Any

import click

from lab.config.images import read_usage
from lab.errors import InfrastructureError
from lab.netboot import BootService
from pxe.assets import Store

_DEFAULT_SITE = Path("lab.yaml")
folder_option = click.option(
    "--store",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="The catalogue's folder.  [default: what the site file says, else ./images]",
)
_store_options = (
    click.option(
        "-c",
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The site file, whose catalogue is meant.  [default: lab.yaml, where there is one]",
    ),
    folder_option,
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class Opened:
    """A catalogue, and what the site file says of it where there is one."""

    def __init__(self, config: Path | None, folder: Path | None) -> None:
        if config is None and _DEFAULT_SITE.is_file():
            config = _DEFAULT_SITE
        self.usage = read_usage(config) if config is not None else None
        own = self.usage.store if self.usage is not None else Store(Path("images"))
        self.store = Store(folder) if folder is not None else own

    def in_use(self, service: BootService | None, *, must: bool) -> list[Path]:
        """What plans serve: of the site file, and of the service while it runs (its API has more of them).

        Raises InfrastructureError where a service is there and does not tell, for what it serves would be
        removed; also where none is there, with `must`.
        """
        own = list(self.usage.paths) if self.usage is not None else []
        if service is None:
            return own
        try:
            return [*own, *service.served_paths()]
        except InfrastructureError as exc:
            if must or not _nobody_listens(exc):
                raise
            note = "the boot service is not running: plans that were set through its API are not looked at"
            click.echo(note, err=True)
            return own


def _nobody_listens(exc: BaseException) -> bool:
    """Whether no service is there at all; one with another certificate, or that wants a token, is."""
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, ConnectionRefusedError | FileNotFoundError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def with_store(command: Any) -> Any:
    """Add the options that say which catalogue is meant."""
    for option in reversed(_store_options):
        command = option(command)
    return command
