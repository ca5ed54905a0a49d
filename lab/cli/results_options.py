"""Options of all commands that read or write results."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Decorator = Callable[[Any], Any]


def results_option(help_text: str = "The folder with all runs.", *, site: bool = False) -> Decorator:
    """Return `--results`, the parameter `results`; None where a `site` file may name the folder."""
    return click.option(
        "--results",
        default=None if site else "results",
        show_default="that of the site file, or results/" if site else True,
        type=click.Path(path_type=Path, file_okay=False),
        help=help_text,
    )


index_option = click.option(
    "--index",
    "url",
    metavar="URL",
    help="sqlite:////PATH or postgresql://...; default: BOOTLAB_INDEX, else index.sqlite beside the runs.",
)
