"""What a script depends on beside its plan: who reads it, and how we look from there."""

from dataclasses import dataclass
from ipaddress import IPv4Address

from pxe.boot.classify import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One machine's view of us.

    `server` is our address as the machine sees it; `http` the base URL of our files (http://10.99.0.1, no
    final slash; "" where HTTP is off); `mac` is "" for a stranger; `config` is the base URL of the machine's
    configs with its final slash; `client` is the newest that DHCP saw of the machine; `name` its name.
    `view` is a folder with its final slash that stands before the names of the machine's files: it tells us
    whose they are where the address does not ("" where it does). `returns`: the GRUB has a
    grub.cfg of its own, which it goes on with where ours ends.
    """

    server: IPv4Address
    http: str = ""
    mac: str = ""
    config: str = ""
    client: Client | None = None
    name: str = ""
    view: str = ""
    returns: bool = False

    def fill(self, text: str) -> str:
        """Return `text` with `{server}`, `{mac}` and `{config}` replaced; all other braces stay."""
        words = {"{server}": str(self.server), "{mac}": self.mac, "{config}": self.config}
        for word, value in words.items():
            text = text.replace(word, value)
        return text
