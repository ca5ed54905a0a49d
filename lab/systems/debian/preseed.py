"""Answers for Debian's installer, all of them: it asks nothing, installs on one disk and restarts.

Names of the questions are those of the installation guide's appendix "Automating the installation".
"""

import re
import shlex
from dataclasses import dataclass
from urllib.parse import urlsplit

from lab.errors import UsageError

_DISK = re.compile(r"/dev/[a-z0-9/-]{1,60}")
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_USER = re.compile(r"[a-z][a-z0-9-]{0,30}")
_KEY = re.compile(r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+) [A-Za-z0-9+/=]{60,}( [\w@.+-]{1,60})?")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+")
INSTALLED = "bootlab: Debian is installed"  # on the console, before the restart


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What an installation needs. `key`: the line of a public SSH key of `user`, who may use sudo; nobody has
    a password. `mirror`: the URL of one of Debian's. `packages` come beside the base system; `kernel`: its
    package, "": the installer's choice. Raises UsageError where one of them cannot be.
    """

    disk: str
    hostname: str
    user: str
    key: str
    mirror: str = "http://deb.debian.org/debian"
    release: str = "bookworm"
    packages: tuple[str, ...] = ()
    kernel: str = ""

    def __post_init__(self) -> None:
        checks = (
            (_DISK, self.disk, "disk", "a device such as /dev/vda"),
            (_NAME, self.hostname, "host name", "lower-case letters, digits and -"),
            (_USER, self.user, "user", "lower-case letters, digits and -"),
            (_KEY, self.key, "key", "the line of a public SSH key"),
            (_NAME, self.release, "release", "a codename such as bookworm"),
            *((_PACKAGE, name, "package", "a package of Debian's") for name in self.packages),
        )
        for pattern, text, what, wanted in checks:
            if not pattern.fullmatch(text):
                raise UsageError(f"{what} {text!r}: must be {wanted}")
        parts = urlsplit(self.mirror)
        if parts.scheme != "http" or not parts.hostname or parts.query or parts.username:
            raise UsageError(f"mirror {self.mirror!r}: must be a URL like http://deb.debian.org/debian")


def preseed(answers: Answers) -> str:
    """Return the file that `url=` names. The boot service fills in {server} and {mac}."""
    parts = urlsplit(answers.mirror)
    host = parts.netloc
    lines = [
        "debian-installer/locale string en_US.UTF-8",
        "keyboard-configuration/xkb-keymap select us",
        f"netcfg/get_hostname string {answers.hostname}",
        "netcfg/get_domain string",
        f"netcfg/hostname string {answers.hostname}",
        "hw-detect/load_firmware boolean false",
        "mirror/country string manual",
        "mirror/protocol select http",
        f"mirror/http/hostname string {host}",
        f"mirror/http/directory string {parts.path.rstrip('/') or '/'}",
        "mirror/http/proxy string",
        f"mirror/suite string {answers.release}",
        "clock-setup/utc boolean true",
        "time/zone string UTC",
        "clock-setup/ntp boolean false",
        "passwd/root-login boolean false",
        f"passwd/user-fullname string {answers.user}",
        f"passwd/username string {answers.user}",
        "passwd/user-password-crypted password *",  # no password fits: the key alone lets in
        *_partitions(answers.disk),
        "base-installer/install-recommends boolean false",
        *([f"base-installer/kernel/override-image string {answers.kernel}"] if answers.kernel else []),
        "apt-setup/services-select multiselect",  # only what the mirror has
        "apt-setup/enable-source-repositories boolean false",
        "apt-setup/cdrom/set-first boolean false",
        "pkgsel/run_tasksel boolean false",
        f"pkgsel/include string {' '.join(('openssh-server', 'sudo', *answers.packages))}",
        "pkgsel/upgrade select none",
        "pkgsel/update-policy select none",
        "popularity-contest popularity-contest/participate boolean false",
        f"grub-installer/bootdev string {answers.disk}",
        "grub-installer/only_debian boolean true",
        "grub-installer/force-efi-extra-removable boolean true",  # firmware forgets its boot entries
        "finish-install/reboot_in_progress note",
        "cdrom-detect/eject boolean false",
        f"preseed/late_command string {_late_command(answers)}",
    ]
    return "".join(
        line + "\n" if line.startswith("popularity-contest ") else f"d-i {line}\n" for line in lines
    )


def _partitions(disk: str) -> list[str]:
    """One file system on the whole disk, and no swap: nothing asks."""
    return [
        f"partman-auto/disk string {disk}",
        "partman-auto/method string regular",
        "partman-auto/expert_recipe string root :: 1 1 -1 ext4 $primary{ } $bootable{ } method{ format } "
        "format{ } use_filesystem{ } filesystem{ ext4 } mountpoint{ / } .",
        "partman-basicfilesystems/no_swap boolean false",
        "partman-partitioning/confirm_write_new_label boolean true",
        "partman/choose_partition select finish",
        "partman/confirm boolean true",
        "partman/confirm_nooverwrite boolean true",
    ]


def _late_command(answers: Answers) -> str:
    home = f"/target/home/{answers.user}/.ssh"
    owner = f"in-target chown -R {answers.user}:{answers.user} /home/{answers.user}/.ssh"
    return "; ".join(
        (
            f"mkdir -m 700 -p {home}",
            f"echo {shlex.quote(answers.key)} >{home}/authorized_keys",
            owner,
            f"echo '{answers.user} ALL=(ALL) NOPASSWD:ALL' >/target/etc/sudoers.d/{answers.user}",
            f"chmod 440 /target/etc/sudoers.d/{answers.user}",
            "for key in /target/etc/ssh/ssh_host_*_key.pub; do in-target ssh-keygen -l -f ${key#/target} "
            ">/dev/console; done",
            f"echo '{INSTALLED}' >/dev/console",
        )
    )
