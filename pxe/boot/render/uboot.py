"""BootPlan -> the texts that boot loaders read: the U-Boot boot script and the pxelinux.cfg file.

Pure: sizes and the server's address are arguments. Every value that enters a text has passed
`pxe.boot.check`, whose PlanError leaves these functions unchanged.
"""

from collections.abc import Mapping

from pxe.boot.check import check_plan
from pxe.boot.render.scene import Scene
from pxe.errors import PlanError
from pxe.plan import Asset, BootPlan

_FAULT = "bootlab_fault"  # environment variable that holds the first fault of a run of the script
_WINDOW = 8  # blocks of RFC 7440: half of what a board's receive ring usually holds


def boot_script(plan: BootPlan, sizes: Mapping[str, int], scene: Scene) -> str:
    """Return the U-Boot script that loads and starts `plan` (arm64: `booti`).

    `sizes` gives the bytes of each asset by name, as we serve it: each transfer is compared with it. Every
    fault ends in one console line that begins with `bootlab: cannot boot:`, and nothing further is run.
    Raises PlanError where the plan cannot be put in a script.

    Two things seen on U-Boot 2023.01 shape it: `exit` does not end a sourced script, so faults are kept in a
    variable; and `source` passes on the status of the last command only where no newline follows it.
    """
    check_plan(plan)
    if plan.kernel is None:
        raise PlanError(f"plan {plan.name} has no kernel")
    loads = [("kernel", plan.kernel, "${kernel_addr_r}")]
    if plan.dtb is not None:
        loads.append(("dtb", plan.dtb, plan.fdt_address or "${fdt_addr_r}"))
    if plan.initrd is not None:
        # Last, because booti takes the ramdisk's length from ${filesize}, which each transfer sets anew.
        loads.append(("initrd", plan.initrd, "${ramdisk_addr_r}"))
    fdt = (plan.fdt_address or "${fdt_addr_r}") if plan.dtb is not None else "${fdtcontroladdr}"
    ramdisk = "${ramdisk_addr_r}:${filesize}" if plan.initrd is not None else "-"
    lines = [
        f"# Boot script of plan {plan.name}, made by bootlab for each request: edit the plan, not this.",
        f'echo "bootlab: plan {plan.name}"',
        f"setenv {_FAULT}",
        # Without it a U-Boot waits for every block. Builds that know no windows take no notice.
        f'if test -z "${{tftpwindowsize}}"; then setenv tftpwindowsize {_WINDOW}; fi',
        *(line for role, asset, address in loads for line in _load(role, asset, address, sizes[asset.name])),
        f'if test -n "${{{_FAULT}}}"; then',
        f'  echo "bootlab: cannot boot: ${{{_FAULT}}}"',
        "else",
        f"  setenv bootargs '{scene.fill(plan.cmdline)}'",
        '  echo "bootlab: starting the kernel"',
        f"  booti ${{kernel_addr_r}} {ramdisk} {fdt}",
        f'  echo "bootlab: cannot boot: booti does not take {plan.kernel.name}; is it an arm64 Image?"',
        "fi",
        "false",
    ]
    return "\n".join(lines)


def _load(role: str, asset: Asset, address: str, size: int) -> list[str]:
    """Return the lines that load one asset, skipped once a fault is known."""
    body = [
        f'echo "bootlab: {role} {asset.name}, {size} bytes"',
        f"if tftpboot {address} {asset.name}; then",
        # U-Boot sets filesize in hexadecimal without 0x
        f'  if test "${{filesize}}" != "{size:x}"; then',
        f'    setenv {_FAULT} "{asset.name}: 0x${{filesize}} bytes came, the server has 0x{size:x}"',
        "  fi",
        "else",
        f'  setenv {_FAULT} "the transfer of {asset.name} failed"',
        "fi",
    ]
    if address.startswith("$"):
        # Not every build sets it (Debian's qemu_arm64 has no fdt_addr_r), and an empty word would make
        # U-Boot take the file's name for the address.
        hint = "; give the plan an fdt_address" if role == "dtb" else ""
        body = [
            f'if test -z "{address}"; then',
            f'  setenv {_FAULT} "this firmware sets no {address[2:-1]}{hint}"',
            "else",
            *("  " + line for line in body),
            "fi",
        ]
    return [f'if test -z "${{{_FAULT}}}"; then', *("  " + line for line in body), "fi"]


def refusal_script(reason: str) -> str:
    """Return a U-Boot script that says on the console why nothing boots.

    `reason` is for people; characters that a U-Boot string could take for syntax become `?`.
    """
    safe = "".join(c if c.isascii() and c.isprintable() and c not in "\"'$\\`;" else "?" for c in reason)
    return f'echo "bootlab: cannot boot: {safe}"\nfalse'


def pxelinux_config(plan: BootPlan, sizes: Mapping[str, int], scene: Scene) -> str:
    """Return the pxelinux.cfg (extlinux) text of `plan`; U-Boot's `pxe boot` and PXELINUX read it.

    There is no FDT line without a dtb: U-Boot then takes ${fdt_addr} or its own ${fdtcontroladdr}.
    Raises PlanError where the plan cannot be put in it.
    """
    check_plan(plan)
    if plan.kernel is None:
        raise PlanError(f"plan {plan.name} has no kernel")
    lines = ["DEFAULT bootlab", "PROMPT 0", "TIMEOUT 1", "LABEL bootlab", f"  MENU LABEL {plan.name}"]
    lines.append(f"  KERNEL {plan.kernel.name}")
    if plan.initrd is not None:
        lines.append(f"  INITRD {plan.initrd.name}")
    if plan.dtb is not None:
        lines.append(f"  FDT {plan.dtb.name}")
    if plan.cmdline:
        lines.append(f"  APPEND {scene.fill(plan.cmdline)}")
    return "\n".join(lines) + "\n"
