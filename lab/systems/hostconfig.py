"""What is configured on a running system over SSH: host name, DNS servers, files; compared, then changed.

hostname: node7
dns: [10.99.0.1]
files:
  - {path: /etc/motd, text: "of the lab\n", mode: "0644"}
"""

import difflib
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from lab.clients.ssh import SshNode
from lab.config.validate import validate
from lab.config.words import Part
from lab.config.yamlfile import Document
from lab.errors import ConfigError
from lab.machineconfig.yamltext import NotYaml, YamlDocument, read_documents

_HOSTNAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*")
_MODE = re.compile(r"0?[0-7]{3,4}")
DROP_IN = "/etc/systemd/resolved.conf.d/90-bootlab.conf"
RESOLV_CONF = "/etc/resolv.conf"


def _hostname(text: str) -> str:
    if len(text) > 253 or not _HOSTNAME.fullmatch(text):
        raise ValueError(f"{text!r} is no host name: letters, digits and - in labels of at most 63")
    return text


def _server(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError(f"{text!r} is no IP address of a DNS server") from None


def _path(text: str) -> str:
    if not text.startswith("/") or text.endswith("/") or "\0" in text or ".." in text.split("/"):
        raise ValueError(f"{text!r} is no absolute path of a file")
    return text


def _mode(text: str) -> str:
    if not _MODE.fullmatch(text):
        raise ValueError(f"{text!r} is no file mode; write it as text, like '0644'")
    return text


class HostFile(Part):
    """One file."""

    path: Annotated[str, AfterValidator(_path)] = Field(description="where", examples=["/etc/motd"])
    text: str = Field(description="its whole content")
    mode: Annotated[str, AfterValidator(_mode)] = Field(default="0644", description="its mode, in octal")


class HostConfig(Part):
    """What a system shall have; what is not named stays as it is."""

    hostname: Annotated[str, AfterValidator(_hostname)] | None = Field(default=None, description="its name")
    dns: tuple[Annotated[str, AfterValidator(_server)], ...] | None = Field(
        default=None, description="its DNS servers, the only ones; an empty list: those of its network again"
    )
    files: tuple[HostFile, ...] = Field(default=(), description="files, each whole")


def read_host_config(text: str, path: Path = Path("config")) -> HostConfig:
    """Return a configuration. Raises ConfigError with every fault, as `path:line`."""
    try:
        found = read_documents(text)
    except NotYaml as exc:
        raise ConfigError([f"{path}:{exc.line}: {exc.reason}"]) from exc
    first = found[0] if found else YamlDocument()
    document = Document(first.data, first.lines, first.faults, path)
    if len(found) > 1:
        document.fault((), "a second document follows; one file has one")
    made = validate(document, HostConfig)
    document.raise_faults()
    assert made is not None
    return made


class Configurer:
    """Brings a node to a configuration, or says what that would change."""

    def __init__(self, node: SshNode) -> None:
        self._node = node

    async def configure(self, config: HostConfig, *, dry_run: bool) -> str:
        """Return the difference as a unified diff; it is made so unless `dry_run`. "" for none."""
        told = []
        for path, text, mode in await self._files(config):
            told.append(await self._file(path, text, mode, dry_run=dry_run))
        if config.dns is not None and any(told) and not dry_run:
            await self._resolve_anew()
        if config.hostname is not None:
            told.append(await self._hostname(config.hostname, dry_run=dry_run))
        return "".join(told)

    async def before(self, config: HostConfig) -> dict[str, Any]:
        """Return what `restore` needs to put back what `configure` would change; JSON-ready."""
        files = [[path, await self._content(path), mode] for path, _text, mode in await self._files(config)]
        name = (await self._node.check(["hostname"])).text.strip() if config.hostname is not None else None
        return {"files": files, "hostname": name, "dns": config.dns is not None}

    async def restore(self, before: dict[str, Any]) -> None:
        """Put back what `before` said."""
        changed = [await self._file(*file, dry_run=False) for file in before["files"]]
        if before["dns"] and any(changed):
            await self._resolve_anew()
        if before["hostname"] is not None:
            await self._hostname(before["hostname"], dry_run=False)

    async def _resolve_anew(self) -> None:
        if await self._has_resolved():
            await self._node.check(["systemctl", "restart", "systemd-resolved"], root=True)

    async def _files(self, config: HostConfig) -> list[tuple[str, str | None, str]]:
        """Path, content and mode of each; no content: it shall not be there."""
        files: list[tuple[str, str | None, str]] = [(f.path, f.text, f.mode) for f in config.files]
        if config.dns is None:
            return files
        if await self._has_resolved():
            servers = " ".join(config.dns)
            # ~. takes every name from the servers of the network's own DHCP
            text = f"[Resolve]\nDNS={servers}\nDomains=~.\n" if config.dns else None
            return [*files, (DROP_IN, text, "0644")]
        if not config.dns:
            raise ConfigError([f"dns: {self._node.name} has no systemd-resolved: name its servers"])
        return [*files, (RESOLV_CONF, "".join(f"nameserver {a}\n" for a in config.dns), "0644")]

    async def _has_resolved(self) -> bool:
        done = await self._node.run(["systemctl", "is-active", "--quiet", "systemd-resolved"])
        return done.status == 0

    async def _file(self, path: str, text: str | None, mode: str, *, dry_run: bool) -> str:
        before = await self._content(path)
        if before == text:
            return ""
        if not dry_run and text is None:
            await self._node.check(["rm", "-f", "--", path], root=True)
        elif not dry_run and text is not None:
            await self._node.write_file(path, text.encode(), mode=int(mode, 8), root=True)
        return difference(path, before, text)

    async def _content(self, path: str) -> str | None:
        script = '[ -e "$1" ] || exit 66; exec cat -- "$1"'
        done = await self._node.run(["sh", "-c", script, "sh", path], root=True)
        if done.status == 66:
            return None
        if done.status != 0:
            raise ConfigError([f"{path}: {self._node.name} cannot read it: {done.said}"])
        return done.text

    async def _hostname(self, name: str, *, dry_run: bool) -> str:
        before = (await self._node.check(["hostname"])).text.strip()
        if before == name:
            return ""
        if not dry_run:
            await self._node.check(["hostnamectl", "set-hostname", name], root=True)
        return difference("hostname", f"{before}\n", f"{name}\n")


def difference(name: str, before: str | None, after: str | None) -> str:
    """Return a unified diff; /dev/null stands for a file that is not there."""
    lines = difflib.unified_diff(
        (before or "").splitlines(keepends=True),
        (after or "").splitlines(keepends=True),
        "/dev/null" if before is None else name,
        "/dev/null" if after is None else name,
        n=2,
    )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines) or f"{name}: made, empty\n"
