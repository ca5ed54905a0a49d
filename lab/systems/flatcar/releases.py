"""Flatcar's servers: which versions a channel has, and where the files of one are.

`https://CHANNEL.release.flatcar-linux.net/ARCH-usr/VERSION/FILE`, and the list of versions of its web site.
Layout as of 2026-08 (facts/os.md, section 4; upstream's "Notes for distributors").
"""

import re
from typing import Final

from lab.errors import InfrastructureError, UsageError
from lab.systems.publisher import Publisher, check_upstream, nearest

CHANNELS: Final = ("stable", "beta", "alpha", "lts")
PUBLIC: Final = "https://{channel}.release.flatcar-linux.net"
SITE: Final = "https://www.flatcar.org"
BOARDS: Final = {"x86_64": "amd64-usr", "arm64": "arm64-usr"}  # our word -> theirs
KERNEL: Final = "flatcar_production_pxe.vmlinuz"
INITRD: Final = "flatcar_production_pxe_image.cpio.gz"
DIGESTS: Final = "flatcar_production_pxe.DIGESTS"
_VERSION = re.compile(r"\d{1,6}\.\d{1,4}\.\d{1,4}")
_LINE = re.compile(r"^FLATCAR_VERSION(?:_ID)?=\"?([^\"\s]+)\"?\s*$", re.MULTILINE)
_SHOWN = 5


class Releases:
    """One channel for one architecture (as in pxe.plan.Arch). `upstream` stands for the public servers, and
    may hold {channel}; the list of versions is asked for there, too.

    Raises UsageError where there is no such channel, or the address cannot be. Methods raise UsageError for
    what the server does not have, InfrastructureError where it does not answer.
    """

    def __init__(self, channel: str, arch: str, upstream: str = "", *, allow_http: bool = False) -> None:
        if channel not in CHANNELS:
            raise UsageError(f"Flatcar has no channel {channel!r}; there are {', '.join(CHANNELS)}")
        what = "a server of Flatcar's releases"
        base = (upstream or PUBLIC).replace("{channel}", channel)
        example = PUBLIC.replace("{channel}", channel)
        self.base = check_upstream(base, what, example=example, allow_http=allow_http)
        self.channel, self.board = channel, BOARDS[arch]
        self._server = Publisher(self.base, what)
        site = check_upstream(base if upstream else SITE, what, example=SITE, allow_http=allow_http)
        self._site = Publisher(site, "Flatcar's web site")

    def versions(self) -> list[str]:
        """Return the versions of the channel, the newest first."""
        raw = self._site.json(f"/releases-json/releases-{self.channel}.json")
        arch = self.board.partition("-")[0]
        try:
            found = [
                version
                for version, release in raw.items()
                if _VERSION.fullmatch(version) and arch in release.get("architectures", [arch])
            ]
        except (AttributeError, TypeError):
            raise InfrastructureError(f"{self._site.base}: its list of releases is none") from None
        return sorted(found, key=lambda version: [int(part) for part in version.split(".")], reverse=True)

    def current(self) -> str:
        """Return the version that the channel gives to who asks for none."""
        path = f"/{self.board}/current/version.txt"
        text = self._server.ask("GET", path).decode("utf-8", "replace")
        match = _LINE.search(text)
        if match is None or not _VERSION.fullmatch(match[1]):
            raise InfrastructureError(f"{self.base}{path}: no FLATCAR_VERSION in it; is it Flatcar's server?")
        return match[1]

    def choose(self, version: str) -> str:
        """Return `version` where the server has it; for "" or "current" what is current."""
        if version in ("", "current"):
            return self.current()
        if not _VERSION.fullmatch(version):
            raise UsageError(
                f"{version!r} is no version of Flatcar; write one like 4593.2.4, or leave it out"
            )
        try:
            text = self._server.ask("GET", f"/{self.board}/{version}/version.txt")
        except UsageError:
            known = self.versions()
            said = nearest(version, known, known[:_SHOWN])
            raise UsageError(
                f"channel {self.channel} has no Flatcar {version} for {self.board}; {said}"
            ) from None
        if version.encode() not in text:
            raise InfrastructureError(f"{self.base}: the folder {version} is of another version")
        return version

    def file(self, version: str, name: str) -> str:
        """Return the URL of a file."""
        return f"{self.base}/{self.board}/{version}/{name}"
