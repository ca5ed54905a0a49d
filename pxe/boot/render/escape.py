"""What a value may hold in each kind of script, so that it stays a value.

Nothing is rewritten: what a boot loader could read as syntax is refused with a sentence. A value that must
hold more than plain words (a kernel command line) goes through the filter `quoted`, where there are quotes.
"""

import re
from enum import StrEnum

from pxe.errors import PlanError


class Kind(StrEnum):
    """Kind of script, and the key of `BootPlan.templates`."""

    UBOOT = "uboot"  # boot.scr.uimg
    PXELINUX = "pxelinux"  # pxelinux.cfg/..., extlinux
    IPXE = "ipxe"
    GRUB = "grub"
    CONFIG_TXT = "config.txt"  # of the Raspberry Pi
    CMDLINE_TXT = "cmdline.txt"


class Safe(str):
    """Text that is meant as syntax: made by us, or quoted. It is put into a script as it is."""

    __slots__ = ()


# In a shell, a word that needs no quotes anywhere. Space: echo and kernel arguments are made of words.
_SHELL_WORDS = re.compile(r"[A-Za-z0-9 ._+/:=,@%()-]*")
_LINE = re.compile(r"[ -~]*")
# iPXE splits a line at spaces before it expands ${}: only a whole word can end a command or begin a comment.
_IPXE_OPERATORS = ("&&", "||", ";")


def value(kind: Kind, text: str) -> str:
    """Return `text`, which may stand anywhere in a script of that kind. Raises PlanError where it may not."""
    if isinstance(text, Safe):
        return text
    if kind in (Kind.UBOOT, Kind.GRUB):
        if not _SHELL_WORDS.fullmatch(text):
            raise PlanError(f"{text!r} holds what is syntax to {_NAMES[kind]}; write it with `| quoted`")
        return text
    _check_line(kind, text)
    if kind is Kind.IPXE:
        _check_ipxe_words(text)
    if kind is Kind.CONFIG_TXT and any(c in text for c in "[]#="):
        raise PlanError(f"{text!r} holds what is syntax to config.txt: one of [ ] # =")
    return text


def quoted(kind: Kind, text: str) -> Safe:
    """Return `text` as one word in single quotes, for the kinds that are shells.

    Raises PlanError where no quotes can hold it: U-Boot expands ${} again when it hands bootargs on.
    """
    if isinstance(text, Safe):
        raise PlanError(f"{str(text)!r} is quoted already")
    if kind not in (Kind.UBOOT, Kind.GRUB):
        raise PlanError(f"there are no quotes in {_NAMES[kind]}; leave out the filter `quoted`")
    _check_line(kind, text)
    if "'" in text:
        raise PlanError(f"{text!r} holds a single quote, which ends a quoted word")
    return Safe(f"'{text}'")


def kernel_words(cmdline: str) -> tuple[str, ...]:
    """Split a command line as the kernel does: at spaces outside of double quotes, which go.

    GRUB takes words, and puts those with spaces in quotes again; quotes in a word it would give a backslash.
    Raises PlanError where a double quote is not closed.
    """
    if cmdline.count('"') % 2:
        raise PlanError("cmdline: a double quote is not closed; GRUB cannot hand that on")
    return tuple(word.replace('"', "") for word in re.findall(r'(?:[^ "]|"[^"]*")+', cmdline))


def for_people(reason: str) -> Safe:
    """Return a sentence that may stand in double quotes in any shell; what could be syntax becomes `?`."""
    return Safe(
        "".join(c if c.isascii() and c.isprintable() and c not in "\"'$\\`;&|#{}" else "?" for c in reason)
    )


def _check_line(kind: Kind, text: str) -> None:
    if not _LINE.fullmatch(text):
        raise PlanError(f"{text!r} is not one line of printable ASCII, and {_NAMES[kind]} has no other")
    if any(c in text for c in "$`\\"):
        raise PlanError(f"{text!r} holds $, ` or \\, which boot loaders expand")


def _check_ipxe_words(text: str) -> None:
    for word in text.split():
        if word in _IPXE_OPERATORS or word.startswith("#"):
            raise PlanError(f"the word {word!r} is syntax to iPXE, which has no quotes; join it to another")


_NAMES = {
    Kind.UBOOT: "the U-Boot shell",
    Kind.PXELINUX: "a pxelinux file",
    Kind.IPXE: "iPXE",
    Kind.GRUB: "GRUB",
    Kind.CONFIG_TXT: "config.txt",
    Kind.CMDLINE_TXT: "cmdline.txt",
}
