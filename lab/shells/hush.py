"""Quoting for hush, U-Boot's shell; unlike in POSIX, a backslash counts inside single quotes, too."""

import re

from lab.errors import UsageError

_PLAIN = re.compile(r"[A-Za-z0-9_./:,=@%^+-]+\Z")
_ENV_NAME = re.compile(r"[A-Za-z0-9_.:-]+\Z")


def quote(text: str) -> str:
    """`text` as one word that hush takes literally: no variable, no separator, no backslash is acted on.

    Raises UsageError for control characters, which U-Boot's line editor acts on.
    """
    _refuse_controls(text)
    if _PLAIN.match(text):
        return text
    return "'" + text.replace("\\", "\\\\").replace("'", "'\\''") + "'"


def check_env_name(name: str) -> str:
    """Return `name` where it can name a variable; raises UsageError."""
    if not _ENV_NAME.match(name):
        raise UsageError(f"{name!r} cannot name a U-Boot variable")
    return name


def check_command(command: str) -> None:
    """Raise UsageError for what would swallow the sentinel behind `command` or confuse the line editor.

    That is a control character (a newline, or TAB, which completes), an open quote, a backslash at the end,
    or a comment.
    """
    _refuse_controls(command)
    open_quote, at, word_start = "", 0, True
    while at < len(command):
        character = command[at]
        if character == "\\" and open_quote != "'":
            at += 1
            if at == len(command):
                raise UsageError(f"{command!r} ends in a backslash, which would swallow what follows")
        elif open_quote:
            open_quote = "" if character == open_quote else open_quote
        elif character in "'\"":
            open_quote = character
        elif character == "#" and word_start:
            raise UsageError(f"{command!r} has a comment, which would swallow the sentinel: leave it out")
        word_start = not open_quote and command[at] in " ;&|"
        at += 1
    if open_quote:
        raise UsageError(f"{command!r} has an open {open_quote}: close it, or use hush.quote")


def _refuse_controls(text: str) -> None:
    for character in text:
        if character < " " or character == "\x7f":
            raise UsageError(
                f"{text!r} has the control character {character!r}, which a line editor acts on instead of "
                "taking it; type one line at a time, without tabs"
            )
