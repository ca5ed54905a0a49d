"""How the rules about the console are shown: lines as these programs print them."""

from lab.testing.explain.dhcp_cases import fine
from lab.testing.explain.scene import UBOOT, UEFI, Scene, case

_STARTING = "Starting kernel ..."
_KERNEL = "[    0.000000] Linux version 6.1.0-50-arm64 (debian-kernel@lists.debian.org)"

# rule -> what the console says, and the nearest harmless words
_LINES = {
    "no-serverip": ("*** ERROR: `serverip' not set", "TFTP from server 10.0.0.1"),
    "secure-boot": ("Verification failed: (0x1A) Security Violation", "UEFI Secure Boot is enabled."),
    "rejected-image": ("Bad Linux ARM64 Image magic!", "## Flattened Device Tree blob at 4a000000"),
    "loader-crash": ('"Synchronous Abort" handler, esr 0x96000004', "Synchronous Abort vectors at 4fe00000"),
    "clock": ("The certificate is not yet valid", "Certificate chain verified"),
    "no-init": (
        "Kernel panic - not syncing: No working init found.  Try passing init= option to kernel.",
        "Run /init as init process",
    ),
    "no-root": (
        "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
        "VFS: Mounted root (ext4 filesystem) readonly on device 254:1.",
    ),
    "initrd-damaged": ("Initramfs unpacking failed: invalid magic at start of compressed archive",
                       "Trying to unpack rootfs image as initramfs..."),
    "out-of-memory": ("Could not boot: Not enough space", "Memory: 435364K/524288K"),
    "kernel-panic": ("Kernel panic - not syncing: Fatal exception", "Freeing unused kernel memory"),
    "kernel-oops": ("[    2.1] Internal error: Oops: 96000004 [#1] SMP", "[    2.1] panic_on_oops is off"),
    "pxe-error": ("PXE-E32: TFTP open timeout", "PXE-M0F: Exiting PXE ROM."),
}  # fmt: skip


def _enter(rule: str, fault: str, harmless: str) -> None:
    @case(rule)
    def _(s: Scene, bad: bool) -> None:
        fine(s, UBOOT if rule != "secure-boot" else UEFI)
        if rule == "no-serverip":
            s.frames.clear()
        s.say(_STARTING, _KERNEL, fault if bad else harmless)


for _rule, (_fault, _harmless) in _LINES.items():
    _enter(_rule, _fault, _harmless)


@case("wrong-console")
def _(s: Scene, bad: bool) -> None:
    fine(s, UBOOT)
    s.say("Hit any key to stop autoboot:  0", _STARTING, "")
    if not bad:
        s.say(_KERNEL)
