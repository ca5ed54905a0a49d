"""Are the file systems on a disk whole? Asked of their own checkers, on copies: the disk stays as it is."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.errors import InfrastructureError

_SECONDS = 120.0
_DIRTY = "Dirty bit is set"  # set while it is mounted for writing: no fault after a cut


@dataclass(frozen=True, slots=True)
class Partition:
    """`start` and `size` in bytes; `label` is its name in the partition table."""

    label: str
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of one file system: `words` are the checker's where it is not `clean`."""

    label: str
    kind: str
    clean: bool
    words: str = ""

    def __str__(self) -> str:
        return f"{self.label} ({self.kind}): {'clean' if self.clean else self.words}"


def partitions(disk: Path) -> tuple[Partition, ...]:
    """Return the partitions of a disk with a GPT. Raises InfrastructureError where it has none."""
    done = _run(["sfdisk", "--json", str(disk)])
    if done.returncode:
        raise InfrastructureError(f"{disk} has no partition table: {done.stderr.strip()}")
    table = json.loads(done.stdout)["partitiontable"]
    step = int(table.get("sectorsize", 512))
    return tuple(
        Partition(str(p.get("name", "")), p["start"] * step, p["size"] * step)
        for p in table.get("partitions", ())
    )


def check_disk(disk: Path, labels: Sequence[str]) -> tuple[Checked, ...]:
    """Check the ext4 and FAT file systems on a disk's partitions of these labels.

    What a mount would do is done first: an ext4's journal is played back. Then nothing may be left to mend.
    Partitions with anything else are passed over. Raises InfrastructureError: a label that is not there, no
    checker installed.
    """
    if not labels:
        return ()  # nor need there be partitions: the power may have gone while they were made
    found = partitions(disk)
    if missing := set(labels) - {p.label for p in found}:
        raise InfrastructureError(f"{disk} has no partition {', '.join(sorted(missing))}")
    wanted = [p for p in found if p.label in labels]
    with tempfile.TemporaryDirectory(dir=disk.parent) as folder:
        results = [_check(disk, part, Path(folder) / "part") for part in wanted]
    return tuple(result for result in results if result is not None)


def check_file_system(file: Path, label: str = "") -> Checked | None:
    """Check the file system in a file, of which an ext4's journal is played back. None where it is neither
    ext4 nor FAT."""
    kind = _kind(file)
    if kind == "ext4":
        # -f would make it a whole check, and -y then mend what it finds
        replayed = _run(["e2fsck", "-E", "journal_only", "-y", str(file)])
        done = _run(["e2fsck", "-fn", str(file)])
        said = replayed.stdout + done.stdout
        return Checked(label, kind, done.returncode == 0 and replayed.returncode in (0, 1), _words(said))
    if kind == "FAT":
        done = _run(["fsck.vfat", "-n", str(file)])
        return Checked(label, kind, _fat_is_clean(done), _words(done.stdout))
    return None


def _check(disk: Path, part: Partition, copy: Path) -> Checked | None:
    argv = ["dd", f"if={disk}", f"of={copy}", "bs=1M", f"skip={part.start}", f"count={part.size}"]
    done = _run([*argv, "iflag=skip_bytes,count_bytes", "conv=sparse", "status=none"])
    if done.returncode:
        raise InfrastructureError(f"cannot copy {part.label} of {disk}: {done.stderr.strip()}")
    try:
        return check_file_system(copy, part.label)
    finally:
        copy.unlink()


def _kind(file: Path) -> str:
    with file.open("rb") as image:
        head = image.read(2048)
    if head[1080:1082] == b"\x53\xef":
        return "ext4"
    return "FAT" if b"FAT" in (head[54:57], head[82:85]) else ""


def _fat_is_clean(done: "subprocess.CompletedProcess[str]") -> bool:
    """A dirty bit alone is no fault: the board was writing when its power went."""
    if done.returncode == 0:
        return True
    summary = done.stdout.strip().splitlines()
    noise = ("fsck.fat", "Leaving filesystem", " Automatically")
    rest = [s for s in summary[:-1] if _DIRTY not in s and not s.startswith(noise) and s.strip()]
    return _DIRTY in done.stdout and not rest


def _words(said: str) -> str:
    return " | ".join(line.strip() for line in said.splitlines() if line.strip())[-2000:]


def _run(argv: list[str]) -> "subprocess.CompletedProcess[str]":
    tool = shutil.which(argv[0], path="/usr/sbin:/sbin:/usr/bin:/bin")
    if tool is None:
        package = {"fsck.vfat": "dosfstools", "sfdisk": "fdisk"}.get(argv[0], "e2fsprogs")
        raise InfrastructureError(f"{argv[0]} is not installed: apt-get install {package}")
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
    try:
        return subprocess.run(
            [tool, *argv[1:]], capture_output=True, text=True, timeout=_SECONDS, env=env, check=False
        )
    except subprocess.TimeoutExpired as exc:
        raise InfrastructureError(f"{' '.join(argv[:2])} did not end in {_SECONDS:.0f} s") from exc
