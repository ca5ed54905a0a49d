"""The part of a site file about what nodes report by themselves; docs/console-logs.md."""

import os
from pathlib import Path

from pydantic import Field

from lab.companions import Companion
from lab.config.words import Part, Port
from lab.config.yamlfile import Document

LINES_SOCKET = "lines.sock"  # in the state folder: where the boot service takes lines from us
_FOLDER = "receivers"  # in the state folder
_LONGEST = 107  # bytes of a Unix socket's path (unix(7))


class TokenFile(Part):
    """Where a secret is: exactly one of the two."""

    env: str | None = Field(
        default=None, description="environment variable that holds it", examples=["TOKEN"]
    )
    file: str | None = Field(default=None, description="file that holds it", examples=["join-token"])


class SiderolinkFile(Part):
    """Who may join; no tunnel is made."""

    port: Port = Field(default=8091, description="TCP port of the ProvisionService (gRPC without TLS)")
    token: TokenFile = Field(description="the join token: {env: NAME} or {file: PATH}")


class ReceiversFile(Part):
    """What nodes report by themselves, and where they find us."""

    events: Port | None = Field(default=8090, description="TCP port of the event sink; null: not received")
    kernel_log: Port | None = Field(
        default=8092, description="port of the kernel's log, TCP and UDP; null: not received"
    )
    siderolink: SiderolinkFile | None = Field(
        default=None, description="answers nodes that want to join by SideroLink; off if left out"
    )


def lines_socket(state: Path) -> Path | None:
    """Where the boot service takes lines; None where that path would be too long for a socket."""
    path = (state / LINES_SOCKET).absolute()
    return path if len(os.fsencode(path)) <= _LONGEST else None


def receiver_companion(
    file: ReceiversFile, listen: str, server: str, base: Path, state: Path, document: Document
) -> Companion:
    """Return the program that receives at the address `listen`, ours being `server`; notes faults."""
    arguments = ["--address", listen, "--server", server, "--folder", str(state / _FOLDER)]
    if file.events is not None:
        arguments += ["--events", str(file.events)]
    if file.kernel_log is not None:
        arguments += ["--kernel-log", str(file.kernel_log)]
    if file.siderolink is not None:
        arguments += ["--siderolink", str(file.siderolink.port), *_token(file.siderolink, base, document)]
    lines = lines_socket(state)
    if lines is not None:
        arguments += ["--lines", str(lines)]
    _check(file, document)
    return Companion("receivers", "lab.receivers", tuple(arguments))


def _token(file: SiderolinkFile, base: Path, document: Document) -> list[str]:
    """Say where the token is, never the token: others see a program's arguments."""
    where = ("receivers", "siderolink", "token")
    env, path = file.token.env, file.token.file
    if env is not None and path is None:
        return ["--token-env", env]
    if path is not None and env is None:
        if not (base / path).is_file():
            document.fault((*where, "file"), f"{path}: no such file")
        return ["--token-file", str(base / path)]
    document.fault(where, "give exactly one of env and file")
    return []


def _check(file: ReceiversFile, document: Document) -> None:
    siderolink = file.siderolink.port if file.siderolink is not None else None
    named = {"events": file.events, "kernel_log": file.kernel_log, "siderolink": siderolink}
    ports = {name: port for name, port in named.items() if port is not None}
    if not ports:
        document.fault(("receivers",), "receives nothing: leave a port in, or `receivers` out")
    for name, port in ports.items():
        first = next(other for other, same in ports.items() if same == port)
        if first != name:
            document.fault(("receivers", name), f"port {port} is that of {first}; take another")
