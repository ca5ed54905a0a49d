"""BootPlan -> the texts that boot loaders read. Pure: sizes and the scene are arguments."""

from pxe.boot.render.scene import Scene
from pxe.boot.render.uboot import boot_script, pxelinux_config, refusal_script

__all__ = ["Scene", "boot_script", "pxelinux_config", "refusal_script"]
