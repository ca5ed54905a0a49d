"""What `bootlab node ... --ssh` shares: the choice between API and SSH, who logs in where, whose host key."""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from lab.clients.ssh import KnownHosts
from lab.clients.ssh.trust import remember as remember_key
from lab.errors import UsageError
from lab.systems.ssh_client import SshClient

T = TypeVar("T")
_FILE = click.Path(path_type=Path, dir_okay=False)
_options = (
    click.option(
        "--ssh", "address", required=True, metavar="USER@HOST", help="Log in there; HOST:PORT, too."
    ),
    click.option("--key", type=_FILE, help="Our private key.  [default: those of the SSH agent]"),
    click.option("--known-hosts", type=_FILE, help="Host keys.  [default: ~/.ssh/known_hosts]"),
    click.option("--fingerprint", default="", help="What the node printed on its console: SHA256:..."),
    click.option("--remember", is_flag=True, help="With --fingerprint: write its key into --known-hosts."),
    click.option("--insecure", is_flag=True, help="Believe whoever answers."),
    click.option(
        "--timeout", default=20.0, show_default=True, type=click.FloatRange(0.1, 3600), help="Seconds."
    ),
)
wait_option = click.option(
    "--wait",
    "seconds",
    type=click.FloatRange(1, 86400),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="The longest that its reboot may take.",
)


class OrSsh(click.Command):
    """A command of the API that becomes another one where `--ssh` is among its words."""

    def __init__(self, api: click.Command, ssh: click.Command) -> None:
        epilog = "For a system without an API: --ssh USER@HOST; --ssh x --help has its options."
        super().__init__(api.name, callback=api.callback, params=api.params, help=api.help, epilog=epilog)
        self._ssh = ssh

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """See click."""
        if any(word == "--ssh" or word.startswith("--ssh=") for word in args):
            return self._ssh.make_context(info_name, args, parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


def with_ssh(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which node; the command gets a `client`, and runs in its event loop."""

    @functools.wraps(command)
    def run(
        address: str,
        key: Path | None,
        known_hosts: Path | None,
        fingerprint: str,
        timeout: float,
        *,
        remember: bool,
        insecure: bool,
        **kwargs: Any,
    ) -> Any:
        if remember and not fingerprint:
            raise UsageError("--remember is for --fingerprint: only a key that was compared is written down")
        access = {"key": str(key or ""), "fingerprint": fingerprint, "timeout": str(timeout)}
        access |= {"insecure": "yes" if insecure else ""}
        access |= {"known_hosts": str(known_hosts or "") if not remember else ""}
        if insecure:
            click.echo("bootlab: --insecure: whoever answers at that address is trusted", err=True)
        if "seconds" in kwargs:
            access["reboot_timeout"] = str(kwargs.pop("seconds"))
        client = SshClient(address, access)
        file = known_hosts or KnownHosts().path
        return asyncio.run(
            _running(client, file if remember else None, lambda: command(client=client, **kwargs))
        )

    for option in reversed(_options):
        run = option(run)
    return run


async def _running(client: SshClient, file: Path | None, act: Callable[[], Awaitable[T]]) -> T:
    try:
        if file is not None:
            await client.node.connect()
            remember_key(file, client.node.login, client.node.host_key())
        return await act()
    finally:
        await client.close()
