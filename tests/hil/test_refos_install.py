"""The whole way in: an empty disk, netboot, maintenance, configuration, installation, boot from the disk.

And the short one: the first configuration comes from our server (talos.config=), and nobody is asked.
"""

import base64
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest

from lab.board import Board
from lab.cache import cache_dir
from lab.clients.talos import (
    Maintenance,
    MutualTls,
    Node,
    NodeAccessDenied,
    NodeError,
    NodeNotTrusted,
)
from lab.clients.talos.kernellog import KernelLine
from lab.clients.talos.model import NodeEvent
from lab.config import load_site
from lab.machineconfig import load
from lab.netboot import BootService
from lab.refos.build.bundle import make_bundle
from lab.refos.build.hosttools import host_tools
from lab.refos.build.image import Image, Request, build
from lab.refos.build.keys import signing_keys
from lab.sandbox.forward import forwarded
from lab.session import LabSession
from pxe.events import ConfigDelivered, TransferEnded
from pxe.plan import Arch, Asset, BootPlan, Config, ConfigKind

pytestmark = [pytest.mark.hil, pytest.mark.timeout(900)]

SECONDS = 300.0  # a busy host; one that has nothing else to do takes a tenth
SERVER, MAC = "10.99.0.1", "52:54:00:aa:0a:01"
SITE = f"""service:
  interface: br0
  address: {SERVER}/24
  dhcp: {{pool: {{start: 10.99.0.100, end: 10.99.0.199}}}}
  tftp: {{}}
  http: {{}}
places:
  fresh:
    board: qemu-virt-arm64
    mac: {MAC}
    power: {{qemu: {{memory: 768, watchdog: true, disks: [{{path: DISK, size: 512M}}]}}}}
    console: {{qemu: {{}}}}
    power_off_seconds: 0
"""
FINGERPRINT = r"refos: server certificate issued fingerprint=([\w+/]{43}=)"


@dataclass
class Fresh:
    """A board with an empty disk, and its lab."""

    session: LabSession
    board: Board
    service: BootService
    image: Image
    authority: object

    def config(self, machine=""):
        """A configuration that trusts our authority."""
        pair = self.authority.pair
        crt, key = (base64.b64encode(pem).decode() for pem in (pair.certificate, pair.key))
        head = f"version: v1alpha1\nmachine:\n  type: worker\n  ca: {{crt: {crt}, key: {key}}}\n"
        return f"{head}  certSANs: [127.0.0.1]\n  time: {{disabled: true}}\n{machine}"

    def start(self, cmdline="", configs=(), files=()):
        """Netboot refos; `files` are served beside it."""
        plan = BootPlan(
            name="refos",
            arch=Arch.ARM64,
            kernel=Asset("kernel", self.image.kernel),
            initrd=Asset("initrd", self.image.netboot),
            cmdline=f"console=ttyAMA0 earlycon panic=5 {cmdline}",
            files=(Asset("bundle.raucb", self.image.bundle), *files),
            configs=configs,
        )
        self.session.assign(self.board.place, plan)
        self.seen = self.service.newest_event()
        self.board.cycle()

    def says(self, pattern):
        """Wait until the console says it."""
        return self.board.console.expect(pattern, SECONDS)

    def events(self, kind):
        """What the boot service told since the start."""
        return [event for _, event in self.service.events(self.seen) if isinstance(event, kind)]

    @contextmanager
    def node(self, credentials):
        """The node's API, by whatever address it has."""
        (ip,) = (lease["ip"] for lease in self.service.leases() if lease["mac"] == MAC)
        with (
            forwarded(self.session.sandbox, ip, 50000) as port,
            Node(f"127.0.0.1:{port}", credentials) as node,
        ):
            yield node

    def admin(self, role="os:admin"):
        return MutualTls(self.authority.pair.certificate, self.authority.issue_client(role))


@pytest.fixture
def fresh(tmp_path, node_authority):
    (tmp_path / "lab.yaml").write_text(SITE.replace("DISK", str(tmp_path / "disk.img")))
    image = build(Request(version="1"))
    with LabSession(load_site(tmp_path / "lab.yaml")) as session:
        board = session.board("fresh")
        yield Fresh(session, board, session.service(board.place), image, node_authority)


def not_for_it(folder, image):
    """A bundle for another architecture, signed as it should be, and one larger than the machine's memory."""
    other, large = folder / "other.raucb", folder / "large.raucb"
    tools = host_tools(cache_dir() / "refos", lambda text: None)
    make_bundle(other, image.slot, replace(image.identity, arch="amd64"), signing_keys(), tools)
    with large.open("wb") as file:
        file.truncate(900 << 20)
    return Asset("other.raucb", other), Asset("large.raucb", large)


def first_of_each(ears):
    """The first kernel line and the first event that a node tells."""
    heard = {}

    def both(record):
        heard.setdefault(type(record), record)
        return len(heard) == 2

    ears.wait(both, SECONDS)
    return heard[KernelLine], heard[NodeEvent]


def test_from_an_empty_disk_to_an_installed_node(fresh, tmp_path):
    fresh.start(files=not_for_it(tmp_path, fresh.image))
    fingerprint = fresh.says(FINGERPRINT).groups[0].decode()
    fresh.says("refos: stage maintenance")
    install = f"  install: {{disk: /dev/vda, image: 'http://{SERVER}/bundle.raucb'"
    install += ", extraKernelArgs: [quiet, a=b]}\n"
    with fresh.node(Maintenance("A" * 43 + "=")) as node, pytest.raises(NodeNotTrusted, match="console"):
        node.version()
    with fresh.node(Maintenance(fingerprint)) as node:
        assert (node.version().mode, node.version().arch) == ("maintenance", "arm64")
        with fresh.board.console.expecting_reset():
            node.apply(fresh.config(install))
            fresh.says("refos: install: partitioning /dev/vda")
            fresh.says("refos: booting slot A; attempts left: A 2, B 3")
    fresh.says("refos: slot A version 1")
    fresh.says("refos: marked good: slot A version 1")
    with fresh.node(fresh.admin()) as node:
        node.wait_ready(SECONDS)
        assert (node.version().tag, node.version().mode) == ("1", "metal")
        assert {"refos.slot=A", "quiet", "a=b"} <= set(node.read("/proc/cmdline").decode().split())
        assert load(node.machine_config()) == load(fresh.config(install))
        for name, reason in (
            ("large", r"has 900 MiB, and this node has \d+ MiB of memory"),
            ("other", "is for refos-amd64, and this machine takes refos-arm64"),
        ):
            with pytest.raises(NodeError, match=reason):
                list(node.upgrade(f"http://{SERVER}/{name}.raucb"))
        with pytest.raises(NodeError, match="slot B is empty"):
            node.rollback()
        assert node.machine_status().ready
    with fresh.node(Maintenance()) as node, pytest.raises(NodeAccessDenied) as refused:
        node.version()
    assert "configured already" in str(refused.value)
    with (
        fresh.node(fresh.admin("os:reader")) as node,
        pytest.raises(NodeAccessDenied, match="not authorized"),
    ):
        node.reset()
    sent = [
        e for e in fresh.events(TransferEnded) if e.name.endswith("bundle.raucb") and e.outcome == "complete"
    ]
    assert [event.size for event in sent][-1:] == [fresh.image.bundle.stat().st_size]


def test_the_first_configuration_comes_from_our_server_once_the_machine_is_released(
    fresh, tmp_path, listen_for_nodes
):
    ears = listen_for_nodes(SERVER, sandbox=fresh.session.sandbox)
    told = f"talos.events.sink={SERVER}:{ears.events_port} talos.logging.kernel=tcp://{SERVER}:{ears.kernel_port}"
    (tmp_path / "talos.yaml").write_text(fresh.config())
    talos = Config(kind=ConfigKind.TALOS, name="talos.yaml", path=tmp_path / "talos.yaml", secret=True)
    fresh.start(f"talos.config={{config}}talos.yaml {told}", (talos,), not_for_it(tmp_path, fresh.image))
    fresh.says("Run /init as init process")
    fresh.service.hold(MAC)
    fresh.says("refos: configuration: status 404; asking again")
    # Nobody has configured it, and it tells already: from its first kernel line and its first event on
    line, event = first_of_each(ears)
    assert (line.sequence, line.fault) == (0, "")
    assert (event.kind, event.fields["stage"]) == ("MachineStatusEvent", "BOOTING")
    fresh.service.release(MAC)
    fresh.says("refos: configuration: Applied the first configuration")
    fresh.says("refos: stage running")
    with fresh.node(fresh.admin()) as node:
        node.wait_ready(SECONDS)
        assert node.version().mode == "metal"
        said = fresh.board.console.transcript.text_since(0)
        assert "stage maintenance" not in said
        (delivered,) = fresh.events(ConfigDelivered)
        assert (delivered.mac, delivered.name, delivered.config_kind) == (MAC, "talos.yaml", "talos")
        with pytest.raises(NodeError, match="is for refos-amd64"):
            list(node.install(f"http://{SERVER}/other.raucb", "/dev/vda"))
        assert [disk.system_disk for disk in node.call(node.client.disks)] == [False]  # not partitioned
        # The client's way of installing looks at the image first; the connection does not end with the boot
        list(node.install(f"http://{SERVER}/bundle.raucb", "/dev/vda"))
        before = node.boot_mark()
        with fresh.board.console.expecting_reset():
            node.reboot()
            fresh.says("refos: booting slot A; attempts left: A 2, B 3")
        node.wait_ready(SECONDS, other_than=before)
        # An installed system goes on telling whom it told
        assert {"refos.slot=A", *told.split()} <= set(node.read("/proc/cmdline").decode().split())
