"""Answers -> bytes of a <response>.

What update_engine needs of an offer: updatecheck@status, url@codebase, manifest@version, the first package's
name and size, and action[event=postinstall]@sha256. The rest is what other Omaha clients read.
"""

from collections.abc import Sequence
from xml.sax.saxutils import quoteattr

from lab.updates.omaha.messages import AppAnswer, Package

_DAY = 86_400


def render(answers: Sequence[AppAnswer], now: float) -> bytes:
    """Return the document. `now`: seconds since 1970; a day begins at midnight UTC."""
    apps = "".join(_app(answer) for answer in answers)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<response protocol="3.0" server="bootlab"><daystart elapsed_seconds="{int(now % _DAY)}"/>'
        f"{apps}</response>\n"
    ).encode()


def _app(answer: AppAnswer) -> str:
    inside = '<ping status="ok"/>' if answer.ping else ""
    inside += '<event status="ok"/>' * answer.events
    if answer.check:
        inside += _check(answer)
    return f"<app appid={quoteattr(answer.id)} status={quoteattr(answer.status)}>{inside}</app>"


def _check(answer: AppAnswer) -> str:
    # The client reads it off every answer, and forgets it at a restart: it is in all of them
    poll = "" if answer.poll_interval is None else f' PollInterval="{answer.poll_interval}"'
    offer = "" if answer.package is None else _offer(answer.package)
    return f"<updatecheck status={quoteattr(answer.check)}{poll}>{offer}</updatecheck>"


def _offer(package: Package) -> str:
    delta = "true" if package.delta else "false"
    return (
        f"<urls><url codebase={quoteattr(package.codebase)}/></urls>"
        f"<manifest version={quoteattr(package.version)}>"
        f'<packages><package name={quoteattr(package.name)} hash="{package.sha1}" size="{package.size}"'
        ' required="true"/></packages>'
        f'<actions><action event="postinstall" sha256="{package.sha256}" needsadmin="false"'
        f' IsDeltaPayload="{delta}" DisablePayloadBackoff="true"/></actions></manifest>'
    )
