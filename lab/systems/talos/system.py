"""Talos as one of the lab's operating systems: from Image Factory, netbooted, configured by its API."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from lab.errors import InfrastructureError, UsageError
from lab.systems.interface import Ability, OsClient, Support, Wanted
from lab.systems.kernelcheck import check_kernel
from lab.systems.talos.boards import Target, support, target, with_overlay
from lab.systems.talos.client import TalosClient
from lab.systems.talos.factory import ARCHES, Factory
from lab.systems.talos.schematic import VANILLA, Schematic, read_schematic
from pxe.assets import AddRequest
from pxe.boot.sniff import head_of
from pxe.plan import Arch, Asset, BootPlan, Config, ConfigKind

CONFIG: Final = "talos.config={config}talos.yaml"
# Where an image tells none of its own: what Talos wants of a netbooted kernel (facts/os.md, section 2.5)
_NEEDED: Final = (
    "talos.platform=metal slab_nomerge pti=on consoleblank=0 nvme_core.io_timeout=4294967295 "
    "printk.devkmsg=on selinux=1 module.sig_enforce=1 proc_mem.force_override=never"
)
_CMDLINE = re.compile(r"[ !#%&()*+,\-./0-9:;<=>?@A-Z\[\]^_a-z|~\"]{0,4096}")
_MORE: Final = {  # parts beside those that netboot it
    "disk": "metal-{arch}.raw.xz",
    "disk-zst": "metal-{arch}.raw.zst",
    "iso": "metal-{arch}.iso",
    "installer": "installer-{arch}.tar",
}


class Talos:
    """Talos by Sidero Labs: image-based, two slots, no shell, everything by its machine API.

    `wanted.extras`: `schematic`, a file; `with`, more parts, separated by commas (disk, disk-zst, iso,
    installer); `secureboot`, the signed UKI; `config`, a machine configuration for `plan`; `allow_http`.
    """

    name = "talos"
    title = "Talos"
    cannot: Mapping[Ability, str] = {}

    def releases(self, wanted: Wanted) -> Sequence[str]:
        """Return the versions that Image Factory has, the newest first."""
        return _factory(wanted).versions()

    def pull(self, wanted: Wanted) -> AddRequest:
        """Make the schematic known to Image Factory, and return where its artifacts are."""
        aim = target(wanted.board, wanted.arch)
        if aim.arch not in ARCHES:
            raise UsageError(f"Talos is made for {' and '.join(ARCHES)}, not for {aim.arch}")
        schematic = _schematic(wanted, aim)
        factory = _factory(wanted)
        version = factory.choose(wanted.version)
        factory.check(schematic, version)
        identity = factory.push(schematic)
        files = _files(wanted, ARCHES[aim.arch])
        suffix = ("" if identity == VANILLA.id else f"+{identity[:12]}") + _secure(wanted)
        return AddRequest(
            name=self.name,
            version=version + suffix,
            arch=aim.arch,
            parts={part: factory.artifact(identity, version, file) for part, file in files.items()},
            unpack="image" if aim.arch == Arch.ARM64 and "kernel" in files else "",
        )

    def plan(self, name: str, image: Mapping[str, Path], wanted: Wanted) -> BootPlan:
        """Return how it netboots; it asks us for its configuration, and with none it waits in maintenance."""
        aim = target(wanted.board, wanted.arch)
        config = wanted.extras.get("config", "")
        configs = (
            (Config(kind=ConfigKind.TALOS, name="talos.yaml", path=Path(config).absolute(), secret=True),)
            if config
            else ()
        )
        if "uki" in image:
            check_kernel(image["uki"], aim.arch)
            return BootPlan(name=name, arch=Arch(aim.arch), loader=_asset(image, "uki", aim))
        if missing := [part for part in ("kernel", "initrd") if part not in image]:
            raise UsageError(f"the image has no {' and no '.join(missing)}; pull it again")
        check_kernel(image["kernel"], aim.arch)
        kernel = "image" if "image" in image and not aim.uefi else "kernel"
        return BootPlan(
            name=name,
            arch=Arch(aim.arch),
            kernel=_asset(image, kernel, aim),
            initrd=_asset(image, "initrd", aim),
            cmdline=_cmdline(image.get("cmdline"), aim),
            configs=configs,
        )

    def support(self, board_type: str) -> Support:
        """Return whether it boots there."""
        return support(board_type)

    def client(self, address: str, access: Mapping[str, str]) -> OsClient:
        """Return the client of a node: `access` as TalosClient has it."""
        return TalosClient(address, access)


def _factory(wanted: Wanted) -> Factory:
    return Factory(wanted.upstream, allow_http=bool(wanted.extras.get("allow_http")))


def _schematic(wanted: Wanted, aim: Target) -> Schematic:
    file = wanted.extras.get("schematic", "")
    schematic = read_schematic(Path(file)) if file else VANILLA
    return with_overlay(schematic, aim.overlay, wanted.board)


def _secure(wanted: Wanted) -> str:
    return "+secureboot" if wanted.extras.get("secureboot") else ""


def _files(wanted: Wanted, arch: str) -> dict[str, str]:
    """Part -> artifact."""
    more = [word for word in wanted.extras.get("with", "").split(",") if word]
    for word in more:
        if word not in _MORE:
            raise UsageError(f"there is no part {word!r} of Talos to fetch; there are {', '.join(_MORE)}")
    if _secure(wanted):
        if more:
            raise UsageError(f"of a secure boot image the signed UKI alone is fetched, not {', '.join(more)}")
        return {"uki": f"metal-{arch}-secureboot-uki.efi"}
    own = {"kernel": f"kernel-{arch}", "initrd": f"initramfs-{arch}.xz", "cmdline": f"cmdline-metal-{arch}"}
    return own | {word: _MORE[word].format(arch=arch) for word in more}


def _asset(image: Mapping[str, Path], part: str, aim: Target) -> Asset:
    arch = ARCHES.get(aim.arch, aim.arch)
    names = {
        "kernel": f"kernel-{arch}",
        "image": "Image",
        "initrd": f"initramfs-{arch}.xz",
        "uki": f"metal-{arch}-secureboot-uki.efi",
    }
    return Asset(names[part], image[part])


def _cmdline(path: Path | None, aim: Target) -> str:
    """The image's own kernel arguments, the board's where they are not among them, where its config is."""
    words = _read_cmdline(path).split() if path is not None else _NEEDED.split()
    words += [word for word in aim.console.split() if word not in words]
    if not any(word.startswith("talos.config=") for word in words):
        words.append(CONFIG)
    return " ".join(words)


def _read_cmdline(path: Path) -> str:
    text = head_of(path).decode("utf-8", "replace").strip()
    if not _CMDLINE.fullmatch(text):
        raise InfrastructureError(
            "what came as the kernel's arguments is no line of them, or holds what a boot loader would take "
            "for syntax"
        )
    return text
