"""Client of systems that are managed over SSH: Flatcar, Fedora CoreOS, Debian.

async with SshNode(Login("10.0.0.5", user="core", key=PATH), Fingerprints.of_console(text)) as node:
    print((await node.check(["uname", "-r"])).text)
"""

from lab.clients.ssh.client import SshNode
from lab.clients.ssh.errors import SshAccessDenied, SshCommandFailed, SshError, SshNotTrusted, SshUnreachable
from lab.clients.ssh.many import for_each
from lab.clients.ssh.model import Login, Ran
from lab.clients.ssh.trust import Anybody, Fingerprints, KnownHosts, Trust

__all__ = [
    "Anybody",
    "Fingerprints",
    "KnownHosts",
    "Login",
    "Ran",
    "SshAccessDenied",
    "SshCommandFailed",
    "SshError",
    "SshNode",
    "SshNotTrusted",
    "SshUnreachable",
    "Trust",
    "for_each",
]
