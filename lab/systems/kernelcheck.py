"""Whether what a publisher sent as a kernel is one, for the processor that was asked for."""

from pathlib import Path

from lab.errors import InfrastructureError
from pxe.boot.sniff import head_of, program
from pxe.plan import Arch


def check_kernel(path: Path, arch: str) -> None:
    """Raise InfrastructureError where it is something else. `arch` as in pxe.plan.Arch."""
    found = program(head_of(path))
    if found.arch is None:
        raise InfrastructureError(
            f"what came as the kernel is none that we know ({found.kind or 'no program'})"
        )
    if found.arch != arch and not {found.arch, arch} <= {Arch.X86, Arch.X86_64}:
        raise InfrastructureError(f"the kernel that came is for {found.arch}, not for {arch}")
