"""What the guest is made of."""

import re

from lab.refos.build.tree import Tree, file, folder, link

RELEASE = "bookworm"
PACKAGES = (
    *("systemd-sysv", "udev", "dbus", "systemd-resolved", "openssh-server", "cloud-init", "sudo"),
    *("iproute2", "tcpdump", "ostree", "cgpt", "kmod", "netbase", "ca-certificates"),
)
KERNEL = "linux-image-cloud-amd64"
# Loaded by /init, so that the root file system needs none
MODULES = (
    *("virtio_pci", "virtio_blk", "virtio_net", "virtio_rng", "loop", "squashfs", "overlay"),
    *("vfat", "nls_ascii", "nls_utf8", "isofs"),
)
# Of Fedora CoreOS and Flatcar, where nobody logs in as root
USER = "core"
# Run by mmdebstrap at its end; "$1" is the new root
HOOK = f'chroot "$1" useradd --create-home --shell /bin/bash {USER}'
# Never unpacked
EXCLUDED = ("man", "doc", "locale", "info", "i18n/locales", "i18n/charmaps", "zoneinfo", "perl/5*/Unicode")

# Of what mmdebstrap made. Host keys: each guest has its own. hwdb: of real hardware, 22 MB
_UNWANTED = re.compile(
    r"dev/.*|etc/ssh/ssh_host_.*|usr/lib/udev/hwdb.*|var/(cache|log)/.+|etc/(hostname|machine-id)"
)

# Where cloud-init writes no network configuration, because it is switched off
_NETWORK = "[Match]\nName=en* eth*\n[Network]\nDHCP=ipv4\n"
# RSA keys of 3072 bits cost an emulated machine ten seconds; the only locale here; no disk to grow
_CLOUD = "ssh_genkeytypes: [ed25519]\nlocale: C.UTF-8\nresize_rootfs: false\n"
# Without cloud-init somebody must make a host key, and say on the console which it is
_HOST_KEY = """\
[Service]
ExecStartPre=
ExecStartPre=/usr/lib/bootlab-host-key
ExecStartPre=/usr/sbin/sshd -t
"""
_MAKE_HOST_KEY = """\
#!/bin/sh
key=/etc/ssh/ssh_host_ed25519_key
[ -e $key ] || ssh-keygen -q -t ed25519 -N '' -C "$(hostname)" -f $key
ssh-keygen -l -f $key.pub >/dev/console
"""
_UNITS = "usr/lib/systemd/system"
# Nothing here has a use for them, and each costs an emulated machine time
_MASKED = (
    *(
        "apt-daily.timer",
        "apt-daily-upgrade.timer",
        "dpkg-db-backup.timer",
        "e2scrub_all.timer",
        "e2scrub_reap.service",
    ),
    *(
        "fstrim.timer",
        "getty@tty1.service",
        "systemd-update-utmp.service",
        "systemd-update-utmp-runlevel.service",
    ),
    *(
        "modprobe@drm.service",
        "modprobe@efi_pstore.service",
        "modprobe@fuse.service",
        "modprobe@configfs.service",
    ),
    *("modprobe@dm_mod.service", "modprobe@loop.service"),
)


def unwanted(path: str) -> bool:
    """Whether a file of mmdebstrap's, by its path without a leading slash, stays out."""
    return _UNWANTED.fullmatch(path) is not None


def own_files() -> Tree:
    """Return what we add."""
    wants = "etc/systemd/system/multi-user.target.wants"
    tree = {
        "etc/machine-id": file(""),
        "etc/systemd/network/80-dhcp.network": file(_NETWORK),
        "etc/systemd/system/ssh.service.d/host-key.conf": file(_HOST_KEY),
        "usr/lib/bootlab-host-key": file(_MAKE_HOST_KEY, 0o755),
        f"etc/sudoers.d/{USER}": file(f"{USER} ALL=(ALL) NOPASSWD:ALL\n", 0o440),
        "etc/cloud/cloud.cfg.d/90-bootlab.cfg": file(_CLOUD),
        f"{wants}/systemd-networkd.service": link(f"/{_UNITS}/systemd-networkd.service"),
        "etc/systemd/system/network-online.target.wants/systemd-networkd-wait-online.service": link(
            f"/{_UNITS}/systemd-networkd-wait-online.service"
        ),
        "var/log": folder(),
    }
    return tree | {f"etc/systemd/system/{name}": link("/dev/null") for name in _MASKED}
