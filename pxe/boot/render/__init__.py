"""BootPlan -> the texts that boot loaders read. Pure: sizes and the scene are arguments."""

from pxe.boot.render.escape import Kind
from pxe.boot.render.sandbox import check_template
from pxe.boot.render.scene import Scene
from pxe.boot.render.scripts import (
    boot_script,
    cmdline_txt,
    config_txt,
    grub_config,
    ipxe_script,
    pxelinux_config,
    refusal,
    refusal_script,
)

__all__ = [
    "Kind",
    "Scene",
    "boot_script",
    "check_template",
    "cmdline_txt",
    "config_txt",
    "grub_config",
    "ipxe_script",
    "pxelinux_config",
    "refusal",
    "refusal_script",
]
