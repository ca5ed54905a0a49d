"""The example of docs/rollout.md as text: the nodes get another DNS server, and each must ask it."""

import base64
import json
from pathlib import Path

from lab.clients.talos.certs import CertificateAuthority
from lab.clients.talos.talosconfig import Context, Talosconfig, save

FLEET = "all: {file: fleet/nodes.txt}"


def ready(seconds: float = 100) -> str:
    """The gate: it says that it is ready."""
    return f"  - ready: {{seconds: {seconds:g}}}\n"


def resolves(seconds: float = 100) -> str:
    """The gate: it asked the new server."""
    return f"  - resolves: {{log: new.jsonl, seconds: {seconds:g}}}\n"


def patch(server: str) -> str:
    """The patch, for the file patch.yaml."""
    return (
        "apiVersion: v1alpha1\nkind: ResolverConfig\nnameservers: {$patch: delete}\n"
        f"---\napiVersion: v1alpha1\nkind: ResolverConfig\nnameservers: [{{address: {server}}}]\n"
    )


def plan(steps: str, *, nodes: str = FLEET, gates: str = ready() + resolves(), more: str = "") -> str:
    """The plan file's text; `steps` in flow style."""
    talosconfig = "fleet/talosconfig" if nodes == FLEET else "talosconfig"
    return (
        f"name: new-dns\ntalosconfig: {talosconfig}\nnodes: {{{nodes}}}\n"
        f"change: {{patch: {{file: patch.yaml}}}}\nsteps: {{{steps}}}\ngates:\n{gates}{more}"
    )


def node_config(name: str, resolver: str, authority: CertificateAuthority) -> str:
    """The configuration that a node begins with."""
    crt, key = (base64.b64encode(pem).decode() for pem in (authority.pair.certificate, authority.pair.key))
    return (
        "version: v1alpha1\n"
        f"machine:\n  type: worker\n  ca:\n    crt: {crt}\n    key: {key}\n  time:\n    disabled: true\n"
        f"---\napiVersion: v1alpha1\nkind: HostnameConfig\nhostname: {name}\n"
        f"---\napiVersion: v1alpha1\nkind: ResolverConfig\nnameservers:\n  - address: {resolver}\n"
    )


def save_talosconfig(authority: CertificateAuthority, path: Path) -> None:
    """Write a talosconfig with an admin's certificate."""
    context = Context("fleet", authority.pair.certificate, authority.issue_client("os:admin"))
    save(Talosconfig("fleet", {"fleet": context}), path)


def asked(log: Path) -> set[str]:
    """Who asked the server that wrote this log."""
    return {json.loads(line)["client"] for line in log.read_text().splitlines()}
