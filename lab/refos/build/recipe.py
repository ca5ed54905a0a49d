"""What an image is made of: names of packages, and which of their files come in."""

import re

# Debian's words for architectures that refos is built for -> those of pxe.plan.Arch
ARCHES = {"arm64": "arm64", "amd64": "x86_64"}

KERNEL = {"arm64": "linux-image-arm64", "amd64": "linux-image-amd64"}

PACKAGES = (
    "busybox-static",
    "dbus-daemon",
    "dbus-system-bus-common",
    "e2fsprogs",
    "fdisk",
    "libubootenv-tool",
    "openssl",
    "python3-h2",
    "python3-multidict",
    "python3-protobuf",
    "python3-yaml",
    "python3.11",
    "rauc",
    "rauc-service",
)

# What those depend on and a system without maintainer scripts, logins and units does not need. D-Bus and RAUC
# ask for systemd only to be started by it.
PRESENT = (
    "adduser",
    "coreutils",
    "dbus",
    "debconf",
    "dpkg",
    "init-system-helpers",
    "initramfs-tools",
    "kmod",
    "linux-base",
    "logsave",
    "media-types",
    "mount",
    "passwd",
    "perl",
    "perl-base",
    "readline-common",
    "systemd",
    "tar",
    "udev",
    "usrmerge",
)

# Loaded by /init, in this order; what they depend on comes before them. One that is built into the kernel
# is left out.
MODULES = (
    "virtio_mmio",
    "virtio_pci",
    "virtio_blk",
    "virtio_net",
    "crc32c_generic",
    "ext4",
    "loop",
    "squashfs",
    "rtc-pl031",
    "af_packet",
    "i6300esb",
    "dm-verity",
)

# Of the above, what only machines of one architecture have
OF_ONE_ARCH = ("rtc_pl031",)

_PYTHON = r"usr/lib/python3\.11/"
_UNWANTED = re.compile(
    "|".join(
        (
            # without D-Bus' activation: it would wait for a systemd to start RAUC
            r"usr/share/(?!dbus-1/(?!system-services/)).*",
            r"usr/(include|games|src)/.*",
            r"(usr/)?lib/(systemd|udev|modprobe\.d|tmpfiles\.d|sysusers\.d)/.*",
            r"etc/(?!dbus-1|ssl/openssl\.cnf|mke2fs\.conf).*",
            r"usr/lib/ssl/misc/.*",
            r".*/(engines-3|ossl-modules|gconv|audit|perl\d?|perl-base)/.*",
            rf"{_PYTHON}(test|lib2to3|idlelib|tkinter|ensurepip|distutils|pydoc_data|turtledemo|unittest|venv|"
            r"curses|dbm|sqlite3|wsgiref|xmlrpc|config-3\.11-[^/]+)/.*",
            rf"{_PYTHON}(pydoc|turtle|antigravity|this|sitecustomize|doctest|pdb|mailbox|imaplib|smtplib|nntplib)\.py",
            rf"{_PYTHON}lib-dynload/(_sqlite3|_curses.*|readline|_tkinter|_gdbm|_dbm|nis|_test.*|_xx.*|xx.*|audioop|"
            r"ossaudiodev|_crypt|_codecs_(cn|hk|iso2022|jp|kr|tw)|_ctypes_test)\..*",
            # only for the modules above
            r"(usr/)?lib/[^/]+-linux-gnu/lib(sqlite3|gdbm|gdbm_compat|db-5\.3|history|ncursesw|panelw?|"
            r"formw?|menuw?|nsl|tirpc|thread_db|BrokenLocale|memusage|pcprofile|c_malloc_debug|anl|SegFault)"
            r"[.-].*",
            r"(usr/)?s?bin/(?!(busybox|dbus-daemon|dbus-send|openssl|python3\.11|rauc|fw_printenv|fw_setenv|mke2fs|e2fsck|"
            r"resize2fs|sfdisk|blkdiscard)$).*",
            r"boot/(?!vmlinuz-).*",
            r"lib/modules/.*",  # those that are wanted are taken apart
            r"usr/lib/linux-image-.*",
            r"usr/lib/(mime|valgrind|terminfo|locale|bfd-plugins)/.*",
            r"var/.*",
        )
    )
)


def wanted(path: str) -> bool:
    """Whether a file of a package, by its path without a leading slash, comes into the root file system."""
    return _UNWANTED.fullmatch(path) is None
