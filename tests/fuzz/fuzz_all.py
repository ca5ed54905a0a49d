"""Every target by its name, which is that of its corpus, too."""

from fuzz_captures import Captures
from fuzz_images import Archives, Schematics
from fuzz_names import Names
from fuzz_proxy import Proxy
from fuzz_targets import Dhcp, Tftp
from fuzz_updates import Graph, Locks, Omaha
from fuzz_uploads import Uploads

TARGETS = {
    "dhcp": Dhcp,
    "proxy": Proxy,
    "tftp": Tftp,
    "uploads": Uploads,
    "names": Names,
    "captures": Captures,
    "omaha": Omaha,
    "graph": Graph,
    "locks": Locks,
    "schematics": Schematics,
    "archives": Archives,
}
