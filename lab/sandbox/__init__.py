"""A network namespace with a bridge, in which the real boot server runs on ports 67, 69 and 80.

See docs/adr/0004-sandbox.md for why it is built of a holder, an init and no clean-up code.
"""

from lab.sandbox.impairment import Impairment
from lab.sandbox.link import Link
from lab.sandbox.process import SandboxProcess
from lab.sandbox.sandbox import Sandbox
from lab.sandbox.serverfault import ServerFault

__all__ = ["Impairment", "Link", "Sandbox", "SandboxProcess", "ServerFault"]
