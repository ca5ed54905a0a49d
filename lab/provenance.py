"""What a board is about to boot, as fingerprints: so that a figure of today can be told from one of another
image, and two runs of the same from each other.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.errors import InfrastructureError
from lab.netboot import BootService

# Words of the kernel's command line that decide what it prints and where: a console costs seconds of a boot.
_VERBOSITY = frozenset(
    {"console", "earlycon", "earlyprintk", "quiet", "debug", "loglevel", "ignore_loglevel", "splash"}
)
_VERBOSE_PREFIXES = ("printk.", "systemd.log_", "systemd.show_", "rd.systemd.", "rd.debug", "plymouth.")
_OF_THE_HOST = frozenset(
    {"path", "tree", "sha256", "source"}
)  # where files lie; what is in them is the digest's


@dataclass(frozen=True, slots=True)
class Provenance:
    """As in RunInfo; empty where it cannot be known."""

    plan_hash: str = ""
    image_digest: str = ""
    console_args: str = ""


def provenance(service: BootService, mac: str) -> Provenance:
    """Return what the machine's next boot is made of, as the boot service has it now.

    Never raises: without a plan, a file or the service itself the boot fails, and with a cause; here it only
    leaves fingerprints empty. The image's is empty, too, where the plan serves a whole folder (`tree`) that
    is not on this host.
    """
    try:
        name = service.choice(mac).plan
        plan = service.plan(name) if name is not None else None
    except InfrastructureError:
        plan = None
    if plan is None:
        return Provenance()
    try:
        served = [(file.name, file.sha256) for file in service.asset_checksums(plan["name"]).values()]
        digest = image_digest([*served, *(_tree(Path(plan["tree"])) if plan["tree"] else ())])
    except (InfrastructureError, OSError):
        digest = ""
    return Provenance(plan_hash(plan), digest, console_args(plan["cmdline"]))


def plan_hash(plan: dict[str, Any]) -> str:
    """SHA-256 of a plan as the API gives it, without its host's paths and its files' contents."""
    canonical = json.dumps(_portable(plan), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def image_digest(files: Iterable[tuple[str, str]]) -> str:
    """SHA-256 over `<sha256>  <name>` lines, sorted by name, as sha256sum(1) prints; "" without files.

    `files` are names and their SHA-256.
    """
    lines = [f"{sha256}  {name}\n" for name, sha256 in sorted(files)]
    return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest() if lines else ""


def _tree(folder: Path) -> Iterator[tuple[str, str]]:
    """Every file below a folder: its name there and its SHA-256. Raises OSError, also where there is none."""
    if not folder.is_dir():
        raise FileNotFoundError(folder)
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            with file.open("rb") as content:
                yield str(file.relative_to(folder)), hashlib.file_digest(content, "sha256").hexdigest()


def console_args(cmdline: str) -> str:
    """The words of a kernel's command line that decide how much it prints, in their order."""
    return " ".join(word for word in cmdline.split() if _decides(word))


def _decides(word: str) -> bool:
    return word.partition("=")[0] in _VERBOSITY or word.startswith(_VERBOSE_PREFIXES)


def _portable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _portable(inner) for key, inner in value.items() if key not in _OF_THE_HOST}
    return [_portable(inner) for inner in value] if isinstance(value, list) else value
