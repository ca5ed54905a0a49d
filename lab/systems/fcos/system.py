"""Fedora CoreOS as one of the lab's operating systems, and others with its metadata, such as RHCOS."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.errors import UsageError
from lab.systems.fcos.boards import support
from lab.systems.fcos.stream import ARCHES, Artifact, Release, Streams
from lab.systems.firstboot import CONFIG, arch_of, console_of, ignition_config
from lab.systems.interface import Ability, OsClient, Support, Wanted
from lab.systems.kernelcheck import check_kernel
from lab.systems.ssh_client import SshClient
from pxe.assets import AddRequest, Promises
from pxe.plan import Arch, Asset, BootPlan

_STREAM = "stable"
_SUFFIX = ".sig"
_NEEDED = ("kernel", "initrd", "rootfs")
_LIVE = "ignition.firstboot ignition.platform.id=metal rd.neednet=1 ip=dhcp"
_DEVICE = re.compile(r"/dev/[A-Za-z0-9/_.:+-]+")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")


class FedoraCoreos:
    """Fedora CoreOS: one image, deployments by rpm-ostree, configured once by Ignition.

    `wanted.extras`: `config`, a file of Ignition or Butane for `plan`, with `files_dir`; `metadata`, the URL
    of another system's stream, with `name`, what its image is called; `install`, the disk that the live
    system installs to, with `then`, the plan after it; `args`, more kernel arguments; `allow_http`.
    """

    name = "fcos"
    title = "Fedora CoreOS"
    cannot: Mapping[Ability, str] = {
        Ability.AUTOMATIC_ROLLBACK: "there is none (coreos/fedora-coreos-tracker#47, open since 2018); "
        "greenboot, layered by rpm-ostree, boots the deployment before when its checks fail",
    }

    def releases(self, wanted: Wanted) -> Sequence[str]:
        """Return the releases of a stream (stable, where none is named), the newest first."""
        return _streams(wanted).versions(wanted.channel or _STREAM)

    def pull(self, wanted: Wanted) -> AddRequest:
        """Return where kernel, initramfs and root filesystem are: names and sums come from the metadata.

        With a keyring each file's OpenPGP signature is checked, too.
        """
        release = _release(wanted)
        promises = Promises(
            sha256={part: artifact.sha256 for part, artifact in release.files.items()},
            signature=_suffix(release) if wanted.keyring is not None else "",
            keyring=wanted.keyring,
        )
        return AddRequest(
            name=_image_name(wanted, release),
            version=release.version,
            arch=_arch(wanted),
            parts={part: artifact.location for part, artifact in release.files.items()},
            promises=promises,
        )

    def plan(self, name: str, image: Mapping[str, Path], wanted: Wanted) -> BootPlan:
        """Return how its live system netboots; with `install` in the extras it installs itself there."""
        arch = _arch(wanted)
        if missing := [part for part in _NEEDED if part not in image]:
            raise UsageError(f"the image has no {' and no '.join(missing)}; pull it again")
        check_kernel(image["kernel"], arch)
        config = ignition_config(wanted)
        device = wanted.extras.get("install", "")
        if device and config is None:
            raise UsageError("an installed system without a config lets nobody in; name one")
        return BootPlan(
            name=name,
            arch=Arch(arch),
            kernel=Asset("live-kernel", image["kernel"]),
            initrd=Asset("live-initramfs.img", image["initrd"]),
            files=(Asset("live-rootfs.img", image["rootfs"]),),
            cmdline=_cmdline(wanted, device, configured=config is not None),
            configs=(config,) if config is not None else (),
            then=wanted.extras.get("then") or None,
        )

    def support(self, board_type: str) -> Support:
        """Return whether it boots there."""
        return support(board_type)

    def client(self, address: str, access: Mapping[str, str]) -> OsClient:
        """Return the client of a node, over SSH."""
        return SshClient(address, access)


def _arch(wanted: Wanted) -> str:
    return arch_of(wanted, tuple(ARCHES), FedoraCoreos.title)


def _streams(wanted: Wanted) -> Streams:
    allow = bool(wanted.extras.get("allow_http")) or wanted.keyring is not None
    return Streams(wanted.upstream, allow_http=allow)


def _release(wanted: Wanted) -> Release:
    metadata, arch = wanted.extras.get("metadata", ""), _arch(wanted)
    if not metadata:
        return _streams(wanted).release(wanted.channel or _STREAM, wanted.version, arch)
    found = _streams(wanted).at(metadata, arch)
    if wanted.version and wanted.version != found.version:
        raise UsageError(f"{metadata} is of {found.version}, not of {wanted.version}; leave --version out")
    return found


def _image_name(wanted: Wanted, release: Release) -> str:
    """fcos; of another system what was asked for, else its stream: rhcos-4.19 is rhcos."""
    if not wanted.extras.get("metadata"):
        return FedoraCoreos.name
    name = wanted.extras.get("name") or release.stream.partition("-")[0]
    if not _NAME.fullmatch(name):
        raise UsageError(f"the stream is called {release.stream[:60]!r}; name the image with --name")
    return name


def _suffix(release: Release) -> str:
    """What a signature is called after its file; the same for all. Raises UsageError where there are none."""

    def of(artifact: Artifact) -> str:
        rest = artifact.signature.removeprefix(artifact.location)
        return rest if rest != artifact.signature else ""

    found = {of(artifact) for artifact in release.files.values()}
    if found != {_SUFFIX}:
        raise UsageError(
            f"{release.stream} {release.version} has no signatures beside its files; without a keyring its "
            "files are held against the SHA-256 of the metadata"
        )
    return _SUFFIX


def _cmdline(wanted: Wanted, device: str, *, configured: bool) -> str:
    words = [*_LIVE.split(), "coreos.live.rootfs_url=http://{server}/live-rootfs.img"]
    if device:
        if not _DEVICE.fullmatch(device):
            raise UsageError(f"{device!r} is no disk; write one like /dev/vda")
        # The config is for what is installed, not for the live system that installs it
        words += [f"coreos.inst.install_dev={device}", f"coreos.inst.ignition_url={{config}}{CONFIG}"]
    elif configured:
        words.append(f"ignition.config.url={{config}}{CONFIG}")
    return " ".join([*words, *console_of(wanted).split(), *wanted.extras.get("args", "").split()])
