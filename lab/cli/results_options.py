"""Options of all commands that read results."""

from pathlib import Path

import click

results_option = click.option(
    "--results",
    "folder",
    default="results",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder with all runs.",
)
index_option = click.option(
    "--index",
    "url",
    metavar="URL",
    help="sqlite:////PATH or postgresql://...; default: BOOTLAB_INDEX, else index.sqlite beside the runs.",
)
