"""Programs by the API: links are followed through the same lists."""

from lab.claims.measure.surface import programs
from lab.claims.model import Verdict
from lab.claims.probes.api import ApiProbe
from lab.clients.talos.errors import NodeError
from lab.machineapi import machine_pb2

LINK, PROGRAM, FOLDER, PLAIN = 0o120777, 0o100755, 0o40755, 0o100644


def entry(name, mode, link="", size=10):
    return machine_pb2.FileInfo(
        relative_name=name, name=f"/x/{name}", mode=mode, link=link, size=size, is_dir=mode == FOLDER
    )


TREE = {
    "/": [entry("bin", LINK, "usr/bin"), entry("usr", FOLDER), entry("sbin", LINK, "/usr/bin")],
    "/usr/bin": [
        entry("busybox", PROGRAM),
        entry("ls", LINK, "busybox"),
        entry("vi", LINK, "/etc/alternatives/vi"),
        entry("loop", LINK, "loop"),
        entry("away", LINK, "/opt/tool"),
        entry("notes", PLAIN),
        entry("folder", FOLDER),
    ],
    "/etc/alternatives": [entry("vi", LINK, "/bin/busybox")],
}


class Node:
    """A node with these files."""

    name = "node"

    def listing(self, root, depth=1):
        if root not in TREE:
            raise NodeError("node", f"{root} is not there")
        return iter([entry(".", FOLDER), *TREE[root]])


def test_links_lead_to_one_file():
    found = {program.path: program.real for program in ApiProbe(Node(), "refos").programs()}
    assert found == {
        "/usr/bin/busybox": "/usr/bin/busybox",
        "/usr/bin/ls": "/usr/bin/busybox",
        "/usr/bin/vi": "/usr/bin/busybox",
        "/usr/bin/away": "/opt/tool",
    }
    told = programs(ApiProbe(Node(), "refos"))
    assert (told.verdict, told.sentence.partition(".")[0]) == (
        Verdict.HOLDS,
        "4 names in PATH lead to 2 files; 3 names are /usr/bin/busybox",
    )
