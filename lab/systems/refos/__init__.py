"""refos, the lab's own reference OS: built here, not fetched. docs/refos.md."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.errors import UsageError
from lab.systems.interface import Ability, CannotError, Level, OsClient, Support, Wanted
from lab.systems.talos.client import TalosClient
from pxe.assets import AddRequest
from pxe.plan import Arch, Asset, BootPlan, Config, ConfigKind

_BUILT = "nobody publishes it: it is built here, by `bootlab image build refos`"
_CONSOLES = {Arch.ARM64: ("arm64", "console=ttyAMA0"), Arch.X86_64: ("amd64", "console=ttyS0")}
_SUPPORT = {
    "qemu-virt-arm64": Support(Level.RUN_HERE, "netboot, disk and upgrades", "tests/hil/test_refos_*.py"),
    "x86-q35-uefi": Support(
        Level.RUN_HERE, "from disk, with upgrades; not from the network", "tests/hil/test_refos_grub.py"
    ),
}
_DRIVERS = Support(
    Level.NOT_EXPECTED,
    "its initramfs has drivers for virtio devices only: no disk and no network card of real hardware",
    "lab/refos/build/recipe.py",
)
_UNTRIED = Support(Level.EXPECTED, "the same devices as on the emulated boards that run it; not tried")


def _config(file: Path) -> Config:
    return Config(kind=ConfigKind.TALOS, name="talos.yaml", path=file.absolute(), secret=True)


class Refos:
    """The reference OS: image-based, two slots, no shell, everything by the Talos machine API."""

    name = "refos"
    title = "refos"
    cannot: Mapping[Ability, str] = {Ability.PULL: _BUILT}

    def releases(self, wanted: Wanted) -> Sequence[str]:
        """Raise CannotError: there are no releases."""
        raise CannotError(self.title, Ability.PULL, _BUILT)

    def pull(self, wanted: Wanted) -> AddRequest:
        """Raise CannotError: it is not fetched."""
        raise CannotError(self.title, Ability.PULL, _BUILT)

    def plan(self, name: str, image: Mapping[str, Path], wanted: Wanted) -> BootPlan:
        """Netboot it, in maintenance; where the image has a `bundle`, that is served to install from.

        `wanted.extras["config"]` is the file of its first configuration, as in Talos' plan.
        """
        arch = Arch(wanted.arch) if wanted.arch else Arch.ARM64
        if arch not in _CONSOLES:
            raise UsageError(f"refos is built for {' and '.join(_CONSOLES)}, not for {arch}")
        word, console = _CONSOLES[arch]
        missing = [part for part in ("kernel", "initrd") if part not in image]
        if missing:
            raise UsageError(f"the image of refos has no {' and no '.join(missing)}; build it again")
        config = wanted.extras.get("config", "")
        asks = ["talos.config={config}talos.yaml"] if config else []
        bundle = image.get("bundle")
        version = wanted.version or "0"
        return BootPlan(
            name=name,
            arch=arch,
            kernel=Asset("kernel", image["kernel"]),
            initrd=Asset("initrd", image["initrd"]),
            cmdline=" ".join([console, "panic=5", *asks]),
            files=(Asset(f"refos-{version}-{word}.raucb", bundle),) if bundle else (),
            configs=(_config(Path(config)),) if config else (),
        )

    def support(self, board_type: str) -> Support:
        """Return whether it boots there."""
        if board_type in _SUPPORT:
            return _SUPPORT[board_type]
        return _UNTRIED if board_type.startswith(("qemu-", "x86-q35")) else _DRIVERS

    def client(self, address: str, access: Mapping[str, str]) -> OsClient:
        """Return the client of a node: `access` as TalosClient has it."""
        return TalosClient(address, access, self.name)
