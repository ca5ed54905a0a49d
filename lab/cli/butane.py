"""`bootlab butane`: Butane to Ignition. docs/butane.md is the manual."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import click

from lab.butane import Translation, translate
from lab.butane.compare import difference
from lab.cli.writing import write_whole
from lab.errors import ConfigError, InfrastructureError, UsageError
from lab.ignitionlint import PROGRAM, lint

_UPSTREAM = "butane"
_SECONDS = 60.0


@click.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "-d",
    "--files-dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="The folder whose files the Butane file may take in (local, contents_local, trees).",
)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it there.")
@click.option("-s", "--strict", is_flag=True, help="A warning counts as an error.")
@click.option("-p", "--pretty", is_flag=True, help="With line breaks, to be read.")
@click.option(
    "--compare",
    is_flag=True,
    help="Let the installed `butane` translate it, too; exit code 1 where it differs.",
)
@click.option("--with-butane", is_flag=True, help="Let it translate alone: for openshift, r4e and others.")
def butane(
    file: Path,
    folder: Path | None,
    output: Path | None,
    *,
    strict: bool,
    pretty: bool,
    compare: bool,
    with_butane: bool,
) -> None:
    """Translate the Butane FILE (- is standard input) to an Ignition config.

    Everything that is wrong in it is said at once, each with line and column. Where Ignition's own
    `ignition-validate` is installed, it is asked about the outcome, too.
    """
    text, name = _read(file)
    if with_butane:
        words = [*(["--strict"] if strict else []), *(["--pretty"] if pretty else [])]
        _give(_upstream(text, folder, name, *words), output)
        return
    found = translate(text, folder)
    for finding in found.warnings:
        click.echo(finding.text(name), err=True)
    if found.errors:
        raise ConfigError([finding.text(name) for finding in found.errors])
    said = _second_opinion(found)
    if strict and (found.warnings or said):
        raise UsageError(f"{name}: warnings count as errors with --strict")
    _give(found.text(pretty=pretty), output)
    if compare:
        _compare(text, folder, found, name)


def _give(outcome: str, output: Path | None) -> None:
    text = outcome.rstrip("\n") + "\n"
    if output is not None:
        write_whole(output, text.encode())
    else:
        click.echo(text, nl=False)


def _read(file: Path) -> tuple[str, str]:
    try:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as exc:
        raise UsageError(f"{file}: {exc.strerror}") from None
    name = "stdin" if str(file) == "-" else str(file)
    try:
        return raw.decode("utf-8"), name
    except UnicodeDecodeError as exc:
        raise UsageError(f"{name}: not UTF-8 text at byte {exc.start}") from None


def _second_opinion(found: Translation) -> tuple[str, ...]:
    """What ignition-validate says that we did not."""
    program = shutil.which(PROGRAM)
    if program is None:
        return ()
    ours = {finding.where for finding in found.findings}
    said = tuple(line for line in lint(program, found.text()) if line.partition(":")[0] not in ours)
    for line in said:
        click.echo(f"warning: {PROGRAM}: {line}", err=True)
    return said


def _compare(text: str, folder: Path | None, found: Translation, name: str) -> None:
    """Say whether upstream's program makes the same config of the text; exit code 1 where it does not."""
    other = difference(found.config, json.loads(_upstream(text, folder, name)))
    if other:
        click.echo(f"{name}: {_UPSTREAM} makes another config of it, see {other}", err=True)
        sys.exit(1)
    click.echo(f"{name}: {_UPSTREAM} makes the same config of it", err=True)


def _upstream(text: str, folder: Path | None, name: str, *words: str) -> str:
    """What upstream's program makes of the text. Raises UsageError where it refuses it, or is not here."""
    program = shutil.which(_UPSTREAM)
    if program is None:
        raise UsageError("upstream's `butane` is not installed here, or not in PATH; Debian has none")
    argv = [program, *words, *(["--files-dir", str(folder)] if folder is not None else [])]
    try:
        done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise InfrastructureError(f"{program}: {exc}") from None
    if done.returncode:
        raise UsageError(f"{name}: {_UPSTREAM} refuses it: {done.stderr.strip()}")
    click.echo(done.stderr, err=True, nl=False)
    return done.stdout
