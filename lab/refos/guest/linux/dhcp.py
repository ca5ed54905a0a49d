"""DHCP by busybox' udhcpc: one process a link, which renews the lease for as long as it lives."""

import asyncio
import contextlib
import re
import signal
from collections.abc import Callable
from pathlib import Path

from lab.refos.guest.linux.command import end
from lab.refos.guest.model import PlatformError

_SECONDS = 10.0
_BOUND = "refos-bound"
_HOSTNAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-.]{0,61}[A-Za-z0-9])?")
# What udhcpc calls on every change; $interface, $ip, $mask (bits), $router, $dns, $domain, $search, $hostname
_SCRIPT = f"""\
#!/bin/sh
case $1 in
deconfig)
    ip -4 addr flush dev $interface
    ip link set $interface up
    ;;
bound | renew)
    ip -4 addr show dev $interface | grep -q " $ip/$mask " || {{
        ip -4 addr flush dev $interface
        ip addr add $ip/$mask dev $interface
    }}
    for address in $router; do
        ip route replace default via $address dev $interface
        break
    done
    {{
        echo "dns=$dns"
        echo "search=${{search:-$domain}}"
        echo "hostname=$hostname"
    }} >$REFOS_LEASES/$interface.new
    mv $REFOS_LEASES/$interface.new $REFOS_LEASES/$interface
    echo {_BOUND}
    ;;
esac
"""


class DhcpClient:
    """DHCP on one link. `folder` holds the script and the leases; `changed` is called at each lease."""

    def __init__(self, link: str, folder: Path, changed: Callable[[], None]) -> None:
        self.link = link
        self._folder = folder
        self._changed = changed
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._bound = asyncio.Event()

    async def start(self) -> None:
        """Ask, and wait for an address. Raises PlatformError where none comes; it goes on asking."""
        if self._process is None or self._process.returncode is not None:
            await self._run()
        try:
            async with asyncio.timeout(_SECONDS):
                await self._bound.wait()
        except TimeoutError:
            raise PlatformError(f"no DHCP server answers on {self.link}") from None

    async def _run(self) -> None:
        script = self._folder / "udhcpc.sh"
        self._folder.mkdir(parents=True, exist_ok=True)
        script.write_text(_SCRIPT)
        script.chmod(0o755)
        # Three tries, 1 s apart, then after 3 s again: a switch port may need a while before it forwards
        command = ["udhcpc", "-f", "-i", self.link, "-s", str(script), "-t", "3", "-T", "1", "-A", "3"]
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={"PATH": "/usr/sbin:/usr/bin", "REFOS_LEASES": str(self._folder)},
            )
        except OSError as error:
            raise PlatformError(f"udhcpc cannot be run: {error.strerror}") from None
        self._reader = asyncio.get_running_loop().create_task(self._read(self._process))

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            if line.strip() == _BOUND.encode():
                self._bound.set()
                self._changed()
        await process.wait()

    def lease(self) -> dict[str, str]:
        """Return what the lease says beyond the address: dns, search, hostname."""
        try:
            text = (self._folder / self.link).read_text()
        except OSError:
            return {}
        lease = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        # It goes into a certificate and into files: what a server on the network sends is looked at
        if not _HOSTNAME.fullmatch(lease.get("hostname", "")):
            lease.pop("hostname", None)
        return lease

    async def stop(self) -> None:
        """End the client; the address stays until somebody takes it away."""
        if self._reader is not None:
            self._reader.cancel()
        if self._process is not None:
            await end(self._process, signal.SIGTERM)
        with contextlib.suppress(OSError):
            (self._folder / self.link).unlink()
