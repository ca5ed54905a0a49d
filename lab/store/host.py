"""What a measurement ran on: the host (not its name, its user or their paths) and versions of programs."""

import os
import platform
import re
import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

_SOURCE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostInfo:
    """The machine that measured. `load` is the 1-minute load average when the run began."""

    cpu: str = ""
    cores: int = 0
    memory_bytes: int = 0
    kernel: str = ""
    load: float = 0.0


def describe_host() -> HostInfo:
    """Return this host as it is now."""
    return HostInfo(
        cpu=cpu_model(_read("/proc/cpuinfo")) or platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        kernel=f"{platform.system()} {platform.release()} {platform.machine()}",
        load=round(os.getloadavg()[0], 2),
    )


def cpu_model(cpuinfo: str) -> str:
    """Return the processor's name out of the text of /proc/cpuinfo; empty where it has none (many arm64)."""
    match = re.search(r"^(?:model name|Model|Hardware)\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return " ".join(match.group(1).split()) if match else ""


def describe_versions(qemu: str = "") -> dict[str, str]:
    """Return versions of bootlab, Python and, where its program is given, QEMU."""
    versions = {"bootlab": bootlab_version(), "Python": platform.python_version()}
    if qemu and (found := program_version([qemu, "--version"])):
        versions["QEMU"] = found
    return versions


def bootlab_version() -> str:
    """Return our version; in a source tree with git also the commit, `-dirty` where it was changed."""
    try:
        version = metadata.version("bootlab")
    except metadata.PackageNotFoundError:
        version = "unknown"
    if not (_SOURCE / ".git").exists():
        return version
    described = _output(["git", "-C", str(_SOURCE), "describe", "--always", "--dirty", "--tags"])
    return f"{version} ({described})" if described else version


def program_version(command: list[str]) -> str:
    """Return the first version number that a program prints, with its package in brackets; empty if none."""
    match = re.search(r"version (\d\S*(?: \([^)\n]*\))?)", _output(command))
    return match.group(1) if match else ""


def without_paths(command: list[str]) -> str:
    """Return a command line for the record; of absolute paths, which name people, only the last part."""
    return " ".join(re.sub(r"(?<![\w.:/])/(?:[^/\s=,]*/)*([^/\s=,]*)", r"\1", word) for word in command)


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""
