"""A board's end of a cable into the sandbox's bridge."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One cable. `kind` is `tap`, or `packet`: a veth whose far end a shim joins to QEMU's datagram socket.

    `interface` is the device inside the sandbox. `local` and `remote` are the Unix sockets of a packet link,
    as QEMU sees them: its own and the shim's.
    """

    name: str
    kind: str
    interface: str
    local: Path | None = None
    remote: Path | None = None

    def netdev_args(self, netdev_id: str = "net0") -> tuple[str, ...]:
        """Return QEMU's arguments for this end, to be used as `-device <nic>,netdev=<netdev_id>`."""
        if self.kind == "tap":
            return ("-netdev", f"tap,id={netdev_id},ifname={self.interface},script=no,downscript=no")
        ends = f"local.type=unix,local.path={_escape(self.local)},"
        ends += f"remote.type=unix,remote.path={_escape(self.remote)}"
        return ("-netdev", f"dgram,id={netdev_id},{ends}")


def _escape(path: Path | None) -> str:
    """QEMU splits its options at commas; a doubled comma stands for one."""
    return str(path).replace(",", ",,")
