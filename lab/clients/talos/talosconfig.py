"""talosconfig: which nodes there are, and with what certificates to speak to them. The file of talosctl.

`context: NAME` and `contexts: {NAME: {endpoints, nodes, ca, crt, key}}`; the last three are base64 of PEM.
Keys of talosctl that we do not use (`cluster`, `auth`, `proxy-url`) are kept when the file is written again.
"""

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from lab.clients.talos.pem import Pair, expiry, read_certificate, read_key, write_private
from lab.config.yamlfile import Document, read_yaml
from lab.errors import ConfigError, UsageError


@dataclass(frozen=True)
class Context:
    """One set of nodes under one authority; `ca` is the PEM of who signs the nodes' certificates."""

    name: str
    ca: bytes
    client: Pair
    endpoints: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def targets(self) -> tuple[str, ...]:
        """The nodes to speak to where none was named: `nodes`, else `endpoints`."""
        return self.nodes or self.endpoints


@dataclass(frozen=True)
class Talosconfig:
    """All contexts of a file; `current` is the one that is used where none is named.

    `signed_in` are contexts without a certificate, as Omni makes them: not for us, and kept as they are.
    """

    current: str
    contexts: Mapping[str, Context]
    signed_in: Mapping[str, Any] = field(default_factory=dict)

    def context(self, name: str = "") -> Context:
        """Return a context by name, or the current one. Raises UsageError where there is none such."""
        wanted = name or self.current
        found = self.contexts.get(wanted)
        if wanted in self.signed_in:
            raise UsageError(
                f"the context {wanted} signs in at a server (auth): we speak to nodes themselves"
            )
        if found is None:
            known = ", ".join(self.contexts) or "none"
            raise UsageError(f"the talosconfig has no context {wanted or '(no name)'}; it has: {known}")
        return found

    def with_context(self, context: Context) -> "Talosconfig":
        """The same with this context added or replaced, and made the current one."""
        return replace(self, current=context.name, contexts={**self.contexts, context.name: context})


def default_path() -> Path:
    """Where talosctl looks: $TALOSCONFIG, else ~/.talos/config."""
    chosen = os.environ.get("TALOSCONFIG")
    return Path(chosen) if chosen else Path.home() / ".talos" / "config"


def load(path: Path) -> Talosconfig:
    """Read a talosconfig. Raises ConfigError with every fault as file, line and key."""
    document = read_yaml(path)
    data = document.data if isinstance(document.data, dict) else {}
    listed = data.get("contexts")
    contexts, signed_in = {}, {}
    if not isinstance(listed, dict):
        document.fault(("contexts",), "missing, or not a map of names")
        listed = {}
    for name, value in listed.items():
        if isinstance(value, dict) and "auth" in value and "crt" not in value:
            signed_in[str(name)] = value
            continue
        context = _context(document, str(name), value)
        if context is not None:
            contexts[str(name)] = context
    current = data.get("context", "")
    if not isinstance(current, str):
        document.fault(("context",), "must be the name of a context")
    document.raise_faults()
    return Talosconfig(current, contexts, signed_in)


def save(config: Talosconfig, path: Path) -> None:
    """Write a talosconfig, mode 0600. Raises InfrastructureError."""
    write_private(path, dump(config).encode())


def dump(config: Talosconfig) -> str:
    """Return it as YAML; it has the client's key."""
    data = {
        "context": config.current,
        "contexts": {
            **{name: _as_dict(context) for name, context in config.contexts.items()},
            **config.signed_in,
        },
    }
    text: str = yaml.safe_dump(data, sort_keys=False)
    return text


def _as_dict(context: Context) -> dict[str, Any]:
    pems = {"ca": context.ca, "crt": context.client.certificate, "key": context.client.key}
    return {
        "endpoints": list(context.endpoints),
        **({"nodes": list(context.nodes)} if context.nodes else {}),
        **{key: base64.b64encode(pem).decode() for key, pem in pems.items()},
        **context.extra,
    }


def _context(document: Document, name: str, value: object) -> Context | None:
    if not isinstance(value, dict):
        document.fault(("contexts", name), "must be a map with endpoints, ca, crt and key")
        return None
    pems = [_pem(document, name, key, value.get(key)) for key in ("ca", "crt", "key")]
    endpoints, nodes = (_strings(document, name, key, value.get(key) or []) for key in ("endpoints", "nodes"))
    extra = {k: v for k, v in value.items() if k not in ("ca", "crt", "key", "endpoints", "nodes")}
    ca, crt, key = pems
    if ca is None or crt is None or key is None:
        return None
    return Context(name, ca, Pair(crt, key), endpoints, nodes, extra)


def _strings(document: Document, name: str, key: str, value: object) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    document.fault(("contexts", name, key), "must be a list of addresses")
    return ()


def _pem(document: Document, name: str, key: str, value: object) -> bytes | None:
    where = ("contexts", name, key)
    if not isinstance(value, str) or not value:
        document.fault(where, "missing: base64 of PEM")
        return None
    try:
        pem = base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        document.fault(where, "not base64")
        return None
    try:
        read_key(pem, "") if key == "key" else read_certificate(pem, "")
    except UsageError as exc:
        document.fault(where, str(exc).removeprefix(": "))
        return None
    return pem


def expiry_of(context: Context) -> str:
    """A sentence where the client's certificate or the authority ends soon, else "".

    Raises ConfigError where one is over already.
    """
    said = []
    for what, pem in (("your certificate", context.client.certificate), ("the authority", context.ca)):
        over, sentence = expiry(pem, f"context {context.name}: {what}")
        if over:
            raise ConfigError([f"{sentence}; make a new one: bootlab node talosconfig"])
        said.append(sentence)
    return "; ".join(filter(None, said))
