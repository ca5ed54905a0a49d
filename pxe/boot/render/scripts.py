"""BootPlan -> the text that each boot loader reads: one function for each kind.

All take (plan, sizes, scene): `sizes` gives the bytes of each asset by name, as we serve it. All raise
PlanError where the plan cannot be put in such a script; every value has passed `pxe.boot.check` and
`pxe.boot.render.escape`. A plan's own template replaces ours where the plan boots something.
"""

from collections.abc import Mapping
from typing import Any

from pxe.boot.check import check_plan
from pxe.boot.render.context import context
from pxe.boot.render.escape import Kind, for_people
from pxe.boot.render.sandbox import render
from pxe.boot.render.scene import Scene
from pxe.errors import PlanError
from pxe.plan import Action, Arch, BootPlan, Transport

CONFIG_TXT_LINE = 98  # the Raspberry Pi's firmware cuts longer lines without a word
# Command, and what it takes
_UBOOT_COMMANDS = {
    Arch.ARM64: ("booti", "arm64 Image"),
    Arch.UNKNOWN: ("booti", "arm64 Image"),
    Arch.RISCV64: ("booti", "riscv64 Image"),
    Arch.ARM: ("bootz", "arm zImage"),
}


def boot_script(plan: BootPlan, sizes: Mapping[str, int], scene: Scene) -> str:
    """Return the U-Boot script that loads and starts `plan`, without the header of its image.

    Each transfer's size is compared. Every fault ends in one console line that begins with `bootlab: cannot
    boot:`, and nothing further is run.

    Two things seen on U-Boot 2023.01 shape it: `exit` does not end a sourced script, so faults are kept in a
    variable; and `source` passes on the status of the last command only where no newline follows it.
    """
    variables = _context(plan, sizes, scene)
    arch = Arch(variables["arch"])
    if plan.kernel is not None and arch not in _UBOOT_COMMANDS:
        raise PlanError(
            f"plan {plan.name}: there is no U-Boot command for a kernel of {arch}; give it a loader"
        )
    variables["command"], variables["image"] = _UBOOT_COMMANDS.get(arch, ("", ""))
    return _rendered(Kind.UBOOT, plan, variables).removesuffix("\n")


def pxelinux_config(plan: BootPlan, sizes: Mapping[str, int], scene: Scene) -> str:
    """Return the pxelinux.cfg (extlinux) text of `plan`; U-Boot's `pxe boot` and PXELINUX read it.

    There is no FDT line without a dtb: U-Boot then takes ${fdt_addr} or its own ${fdtcontroladdr}.
    """
    variables = _context(plan, sizes, scene)
    if plan.action is Action.BOOT and plan.kernel is None:
        raise PlanError(f"plan {plan.name} has no kernel, and a pxelinux file can start nothing else")
    return _rendered(Kind.PXELINUX, plan, variables)


def ipxe_script(plan: BootPlan, sizes: Mapping[str, int], scene: Scene) -> str:
    """Return the iPXE script of `plan`. A fault is one console line; then it is fetched again, ever later."""
    return _rendered(Kind.IPXE, plan, _context(plan, sizes, scene))


def grub_config(plan: BootPlan, sizes: Mapping[str, int], scene: Scene) -> str:
    """Return the grub.cfg of `plan`, for a GRUB that came over the network."""
    variables = _context(plan, sizes, scene)
    if variables["words"] is None:
        raise PlanError("cmdline: a double quote is not closed; GRUB cannot hand that on")
    if plan.transport is Transport.HTTP and ":" in scene.http.removeprefix("http://"):
        # GRUB 2.06; later ones do, each in its own way of writing
        raise PlanError(
            f"GRUB fetches over HTTP from port 80 only, not from {scene.http}: use transport tftp"
        )
    return _rendered(Kind.GRUB, plan, variables)


def config_txt(plan: BootPlan, sizes: Mapping[str, int], scene: Scene) -> str:
    """Return config.txt of a Raspberry Pi 3, 4 or 5. Its file names are relative to where it came from."""
    _check_raspberry_pi(plan)
    text = _rendered(Kind.CONFIG_TXT, plan, _context(plan, sizes, scene))
    for line in text.splitlines():
        if len(line) > CONFIG_TXT_LINE:
            raise PlanError(f"config.txt: the firmware cuts lines over {CONFIG_TXT_LINE} characters: {line}")
    return text


def cmdline_txt(plan: BootPlan, sizes: Mapping[str, int], scene: Scene) -> str:
    """Return cmdline.txt of a Raspberry Pi: the kernel's command line, and nothing else."""
    _check_raspberry_pi(plan)
    return _rendered(Kind.CMDLINE_TXT, plan, _context(plan, sizes, scene))


def _check_raspberry_pi(plan: BootPlan) -> None:
    if plan.action is not Action.BOOT or plan.kernel is None:
        raise PlanError(f"plan {plan.name} gives a Raspberry Pi nothing to boot")


def refusal(kind: Kind, plan: BootPlan, reason: str, scene: Scene) -> str:
    """Return a script that says on the console why `plan` does not boot, for the kinds that can say it.

    `reason` is for people. Raises PlanError for the kinds that cannot.
    """
    if kind is Kind.UBOOT:
        return refusal_script(reason)
    if kind not in (Kind.IPXE, Kind.GRUB):
        raise PlanError(reason)
    bare = BootPlan(name=plan.name, transport=plan.transport)
    return render(kind, context(bare, {}, scene) | {"reason": for_people(reason)}) + "\n"


def refusal_script(reason: str) -> str:
    """Return a U-Boot script that says on the console why nothing boots."""
    return f'echo "bootlab: cannot boot: {for_people(reason)}"\nfalse'


def _context(plan: BootPlan, sizes: Mapping[str, int], scene: Scene) -> dict[str, Any]:
    check_plan(plan)
    if plan.action is Action.BOOT and plan.kernel is None and plan.loader is None:
        raise PlanError(f"plan {plan.name} has no kernel and no loader")
    return context(plan, sizes, scene)


def _rendered(kind: Kind, plan: BootPlan, variables: Mapping[str, Any]) -> str:
    own = plan.templates.get(kind) if plan.action is Action.BOOT else None
    return render(kind, variables, own).rstrip("\n") + "\n"
