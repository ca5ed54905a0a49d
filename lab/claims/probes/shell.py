"""A probe over SSH: any Linux with a shell. Reads by /proc and the usual programs; nothing is left behind."""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from anyio.from_thread import start_blocking_portal

from lab.claims.probe import PATH, Capture, Listening, Program
from lab.claims.probes import proc
from lab.clients.ssh import Login, SshError, SshNode, Trust
from lab.systems.interface import Facts

T = TypeVar("T")
_MOST_BYTES = 64 << 20
# Every program in the folders of PATH, links followed; %D:%i is one for all hard links
_FIND = r"""
dirs=$(for d in "$@"; do [ -d "$d" ] && readlink -f "$d"; done | sort -u)
find -L $dirs -maxdepth 1 -type f -perm /111 -printf '%p\t%D:%i\t%s\t' -exec readlink -f {} \;"""
_PROCESSES = """
for p in /proc/[0-9]*; do
  [ -n "$(tr -d '\\0' <"$p/cmdline" 2>/dev/null)" ] && cat "$p/comm" 2>/dev/null
done; true"""
_WRITABLE = """
for d in "$@"; do
  t=$(mktemp -p "$d" 2>/dev/null) && rm -f "$t" && echo "$d"
done; true"""
_PACKAGES = """
if command -v dpkg-query >/dev/null; then dpkg-query -W -f '${Package} ${Version}\\n'
elif command -v rpm >/dev/null; then rpm -qa
else exit 9; fi"""
_NO_MANAGER = 9
_INTERFACE = "ip -o route show default | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p' | head -n1"


class ShellProbe:
    """A node by SSH; a context manager that logs in. `service`: whose log is read."""

    def __init__(self, login: Login, trust: Trust, system: str, service: str = "ssh") -> None:
        self._node = SshNode(login, trust, timeout=120.0)
        self._system, self._service = system, service

    def __enter__(self) -> Self:
        self._manager = start_blocking_portal()
        self._portal = self._manager.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._portal.call(self._node.close)
        self._manager.__exit__(kind, exc, trace)

    def facts(self) -> Facts:
        """By /etc/os-release and uname."""
        told = dict(
            line.partition("=")[::2]
            for line in self._text("cat", "/etc/os-release").splitlines()
            if "=" in line
        )
        version = told.get("VERSION_ID", "").strip('"')
        arch, kernel = self._text("uname", "-mr").split()[::-1]
        return Facts(
            system=self._system,
            version=version,
            arch=arch,
            hostname=self._text("hostname").strip(),
            kernel=kernel,
        )

    def programs(self) -> Sequence[Program]:
        """By find(1)."""
        found = []
        for line in self.script(_FIND, *PATH, root=True).splitlines():
            path, identity, size, real = [*line.split("\t"), "", "", "", ""][:4]
            if real and size.isdigit():
                found.append(Program(path, real, int(size), identity))
        return found

    def mountinfo(self) -> str:
        """By cat(1)."""
        return self._text("cat", "/proc/self/mountinfo")

    def writable(self, folders: Sequence[str]) -> dict[str, bool] | None:
        """As root, by a file that is removed at once."""
        could = set(self.script(_WRITABLE, *folders, root=True).splitlines())
        return {folder: folder in could for folder in folders}

    def processes(self) -> Sequence[str]:
        """From /proc; a kernel thread has no command line."""
        return self.script(_PROCESSES, root=True).split()

    def services(self) -> Sequence[str]:
        """Running units of systemd."""
        argv = ("systemctl", "list-units", "--type=service", "--state=running", "--plain", "--no-legend")
        return [line.split()[0] for line in self._text(*argv).splitlines() if line.strip()]

    def listening(self) -> Sequence[Listening] | None:
        """From /proc/net."""
        return [each for t in proc.TABLES for each in proc.listening(t, self._text("cat", f"/proc/net/{t}"))]

    def packages(self) -> Sequence[str] | None:
        """By dpkg or rpm, where there is one."""
        done = self._call(self._node.run(["sh", "-c", _PACKAGES]))
        return None if done.status == _NO_MANAGER else done.text.splitlines()

    def kernel_log(self) -> bytes:
        """By dmesg(1)."""
        return self._call(self._node.check(["dmesg"], root=True)).stdout

    def service_log(self) -> bytes:
        """By the journal."""
        argv = ["journalctl", "--no-pager", "-n", "100", "-u", self._service]
        return self._call(self._node.check(argv, root=True)).stdout

    def capture(self, seconds: float) -> Capture:
        """By tcpdump(8) on the interface of the default route, without our own connection."""
        name = self.script(_INTERFACE).strip()
        if not name:
            raise SshError(self._node.name, "has no default route: there is no interface to capture on")
        argv = ["tcpdump", "-i", name, "-U", "-w", "-", f"not tcp port {self._port()}"]
        first, data = self._call(self._heard(argv, seconds))
        return Capture(first, data, self._text("cat", f"/sys/class/net/{name}/address").strip())

    async def _heard(self, argv: Sequence[str], seconds: float) -> tuple[float, bytes]:
        began, first, pieces = time.monotonic(), 0.0, bytearray()
        stream = self._node.stream(argv, root=True)
        try:
            async with asyncio.timeout(seconds):
                async for piece in stream:
                    first = first or time.monotonic() - began
                    pieces += piece
                    if len(pieces) > _MOST_BYTES:
                        break
        except TimeoutError:
            pass  # that is how it ends
        finally:
            await stream.aclose()
        return first, bytes(pieces)

    def _port(self) -> int:
        """The port of our connection as the node sees it: a forwarded one has another here."""
        told = self.script('echo "$SSH_CONNECTION"').split()
        return int(told[3]) if len(told) == 4 else 22

    def write(self, path: str, text: str) -> None:
        """Write a file as root, whole or not at all."""
        self._call(self._node.write_file(path, text.encode(), root=True))

    def script(self, text: str, *arguments: str, root: bool = False) -> str:
        """What a script for sh(1) prints. Raises SshCommandFailed where it does not succeed."""
        return self._call(self._node.check(["sh", "-c", text, "sh", *arguments], root=root)).text

    def _text(self, *argv: str) -> str:
        return self._call(self._node.check(argv)).text

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        async def run() -> T:
            return await work

        return self._portal.call(run)
