"""`bootlab sysext`: system extensions for Flatcar and other systemd hosts. docs/flatcar.md is the manual."""

import hashlib
import re
from pathlib import Path

import click

from lab.errors import UsageError
from lab.systems.sysext import ARCHES, Release, build, source_of

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~-]{0,63}")
_VARIANTS = {"flatcar": ("flatcar", "1.0.0"), "fedora": ("fcos", "1.4.0")}


@click.group()
def sysext() -> None:
    """System extensions: files for /usr and /opt that a running system takes in at its boot."""


@sysext.command("build")
@click.argument("name")
@click.argument("files", nargs=-1, required=True, metavar="FILE:/usr/...|FOLDER...")
@click.option("--version", required=True, help="The extension's own; becomes part of the file's name.")
@click.option("--id", "host", default="flatcar", show_default=True, help="ID in the host's os-release.")
@click.option("--sysext-level", default="", help="SYSEXT_LEVEL of the host; of Flatcar 1.0.")
@click.option("--version-id", default="", help="Instead: for hosts of exactly this VERSION_ID.")
@click.option("--arch", type=click.Choice(list(ARCHES)), default=None, help="Only for hosts of this kind.")
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="The folder for the image.  [default: here]",
)
def build_sysext(
    name: str,
    files: tuple[str, ...],
    version: str,
    host: str,
    sysext_level: str,
    version_id: str,
    arch: str | None,
    folder: Path,
) -> None:
    """Build extension NAME from FILES, and print the Butane that activates it.

    The same files and options give the same bytes. The image goes into `files` of a plan; {server} in the
    Butane is the boot service.

    \b
    Example:
      bootlab sysext build tcpdump --version 4.99 --sysext-level 1.0 ./tcpdump:/usr/bin/tcpdump
    """
    release = Release(id=host, level=sysext_level, version_id=version_id, arch=arch or "")
    if not _VERSION.fullmatch(version):
        raise UsageError(f"version {version!r}: letters, digits, '.', '_', '+', '~' and '-'")
    folder.mkdir(parents=True, exist_ok=True)
    image = folder / f"{'-'.join(filter(None, (name, version, arch)))}.raw"
    build(name, release, [source_of(word) for word in files], image)
    click.echo(f"{image}: {image.stat().st_size} bytes; in the plan:", err=True)
    click.echo(f"    files: [{{path: {image}}}]", err=True)
    click.echo("and in the Butane of the machine:", err=True)
    click.echo(activation(name, version, host, image), nl=False)


def activation(name: str, version: str, host: str, image: Path) -> str:
    """Return Butane that fetches an image, links it where systemd-sysext looks, says when it is usable."""
    variant, spec = _VARIANTS.get(host, _VARIANTS["flatcar"])
    target = f"/opt/extensions/{name}/{image.name}"
    digest = hashlib.sha512(image.read_bytes()).hexdigest()
    return f"""\
variant: {variant}
version: {spec}
storage:
  files:
    - path: {target}
      mode: 0644
      contents:
        source: http://{{server}}/{image.name}
        verification: {{hash: sha512-{digest}}}
  links:
    - {{path: /etc/extensions/{name}.raw, target: {target}, hard: false}}
systemd:
  units:
    - name: systemd-sysext.service
      enabled: true
    - name: {name}-usable.service
      enabled: true
      contents: |
        [Unit]
        Description=Say that {name} is usable
        After=systemd-sysext.service
        ConditionPathExists=/usr/lib/extension-release.d/extension-release.{name}
        [Service]
        Type=oneshot
        StandardOutput=journal+console
        ExecStart=/bin/echo bootlab: extension {name} {version} is usable
        [Install]
        WantedBy=multi-user.target
"""
