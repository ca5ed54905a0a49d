"""`{server}`, `{mac}` and `{config}` in the text of a config."""

import re
from collections.abc import Mapping

# Not `${mac}`, a variable of a shell or of Talos, and not `{{server}}`, cloud-init's Jinja.
_WORD = re.compile(r"(?<![{$])\{(server|mac|config)\}(?!\})")


def filled(text: str, *, server: str, mac: str, config: str) -> str:
    """Return `text` with the three words replaced, in one pass; all other braces stay."""
    words: Mapping[str, str] = {"server": server, "mac": mac, "config": config}
    return _WORD.sub(lambda match: words[match[1]], text)


def samples(text: str) -> str:
    """Return `text` with plausible values in place, to be checked before there is a machine."""
    return filled(text, server="192.0.2.1", mac="52:54:00:00:00:01", config="http://192.0.2.1/c/0/")
