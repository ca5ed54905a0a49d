"""The claims on refos, the lab's own operating system, on an emulated board with U-Boot and two slots.

Run by `bootlab test claims`; too long for `make test`, which has test_surface.py.
"""

import re
import sys
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest

from lab.claims.measure import config, enrol, surface, talk, upgrade
from lab.claims.model import Verdict
from lab.claims.portscan import ports_of
from lab.claims.probes.api import ApiProbe
from lab.clients.talos.certs import CertificateAuthority
from lab.clients.talos.sync import Node
from lab.clients.talos.tls import Maintenance, MutualTls
from lab.clock import now_ns
from lab.errors import LabError
from lab.machineconfig import load, merge
from lab.refos.build.image import Request, build, packages
from lab.testing.nodes import newdns
from lab.upgrades.system import READY
from pxe.plan import Config, ConfigKind

pytestmark = [pytest.mark.hil, pytest.mark.xdist_group("upgrades"), pytest.mark.timeout(3600)]
NEW_DNS = "10.99.0.53"
PORTS = "1-10000,50000-50001"
SECONDS = 600.0  # a busy host; one that has nothing else to do takes a tenth
FINGERPRINT = r"refos: server certificate issued fingerprint=([\w+/]{43}=)"
QUIET_SECONDS = 30.0


@pytest.fixture(scope="module")
def book(notebook, upgrades):
    board = upgrades.rig.board.board_type.title
    book = notebook("refos", "refos", f"refos, installed on an emulated board ({board}) with two slots")
    yield book
    book.leave(
        {
            "C10": "One board says nothing of many: simulated nodes do.",
            "C12": "refos has no extensions.",
            "C13": "refos has no extensions.",
            "C19": "One board is no fleet: simulated nodes are.",
        }
    )
    book.runs += [run.name for run in upgrades.runs]


@pytest.fixture
def node(upgrades, book):
    """The node that runs from its disk, ready, in an administrator's hands."""
    upgrades.ready()
    with upgrades.rig.client() as client:
        book.version = book.version or client._node.version().tag
        yield client._node


@pytest.fixture
def probe(node):
    return ApiProbe(node, "refos")


def snapshot(node, probe):
    """What a configuration comes to, by name."""
    seen = {"configuration": node.machine_config(), "mounts": probe.mountinfo()}
    seen |= {f"resolver {n}": each for n, each in enumerate(node.resolvers().servers)}
    seen |= {f"service {name}": "" for name in probe.services()}
    seen |= {f"program {p.path}": f"{p.real} {p.size}" for p in probe.programs()}
    seen |= {
        f"sysctl {name}": node.read(f"/proc/sys/{name}").decode()
        for name in ("kernel/hostname", "kernel/panic")
    }
    return seen | {"kernel arguments": node.read("/proc/cmdline").decode()}


@contextmanager
def timed(found):
    began = time.monotonic()
    yield
    found.append(time.monotonic() - began)


def test_c01_programs(book, probe):
    found = book.add(surface.programs(probe))
    assert found.verdict is Verdict.HOLDS, found


def test_c02_read_only(book, probe):
    found = book.add(surface.read_only(probe))
    assert "/ is squashfs, read-only" in found.sentence


def test_c03_etc(book, probe):
    found = book.add(surface.etc(probe))
    assert found.verdict is not Verdict.FAILS, found


def test_c17_running(book, probe):
    found = book.add(surface.running(probe))
    assert {v.name: v.number for v in found.values}["to the outside"] == 1, found


def test_c18_packages(book, probe, upgrades):
    system = upgrades.rig.system
    image = build(Request(version=system.versions[0], arch=system.arch))
    found = book.add(surface.packages(probe, packages(system.arch), image.slot.stat().st_size))
    assert found.verdict is Verdict.MEASURED


def test_c07_polling(book, probe):
    found = book.add(talk.polling(probe, QUIET_SECONDS))
    assert found.verdict is Verdict.HOLDS, found


def test_c15_no_ssh(book, probe, upgrades):
    rig = upgrades.rig

    def scan():
        argv = [sys.executable, "-m", "lab.claims.portscan", rig.address(), PORTS]
        return [int(line) for line in rig.session.sandbox.run(argv, timeout=SECONDS).stdout.split()]

    assert len(ports_of(PORTS)) == 10002
    found = book.add(talk.no_ssh(probe, scan, PORTS))
    assert found.verdict is Verdict.HOLDS, found
    assert "none" not in found.sentence, "its API's port is open"


def test_c11_configurations_compose(book, node):
    lists = tuple(
        f"apiVersion: v1alpha1\nkind: ResolverConfig\nnameservers: [{{address: 10.0.0.{n}}}]\n"
        for n in (1, 2)
    )
    found = book.add(config.composable(merge, load(node.machine_config()), lists))
    assert found.verdict is Verdict.PARTLY, found


def test_c04_c20_reproducible_and_reboots(book, upgrades):
    """Two reboots: what a boot comes to is compared, what they take is kept."""
    rig = upgrades.rig
    upgrades.ready()
    seconds, consoles, seen = {}, {}, []
    for kind, power_cycle in (("default", False), ("power cycle", True)):
        with rig.client() as client:
            seen.append(snapshot(client._node, ApiProbe(client._node, "refos")))
            again = client._node.apply(client._node.machine_config(), dry_run=True).details
            with rig.story() as story:
                client._node.reboot(power_cycle=power_cycle)
                assert rig.ready(story, SECONDS) is not None
                story.note(READY)
        seconds[kind] = (story.reached(READY).t_ns - story.t0_ns) / 1e9
        consoles[kind] = rig.board.console.transcript.text_since(story.t0_ns)
    changes = "" if "No changes" in again else again
    how = "Its own configuration as a dry run; configuration, mounts, resolvers, services, programs"
    found = book.add(config.reproducible(changes, *seen, how=f"{how} and kernel arguments of two boots."))
    assert found.verdict is Verdict.HOLDS, found
    found = book.add(upgrade.reboots(seconds, consoles))
    assert found.verdict is Verdict.FAILS, "no kexec here: each reboot goes through U-Boot"


@pytest.fixture
def dns(upgrades, tmp_path):
    """A DNS server at NEW_DNS in the board's network; its log."""
    sandbox = upgrades.rig.session.sandbox
    sandbox.run(["ip", "address", "add", f"{NEW_DNS}/24", "dev", sandbox.bridge])
    log = tmp_path / "new.jsonl"
    argv = [sys.executable, "-m", "lab", "dns", "--listen", f"{NEW_DNS}:53", "--log", str(log)]
    server = sandbox.spawn([*argv, "--record", "probe.lab.test=10.99.0.1"])
    yield log
    server.kill()
    server.wait(10)


def test_c09_dns(book, node, dns):
    mine = newdns.patch(NEW_DNS).partition("---\n")[2]
    whole = merge(load(node.machine_config()), mine).dump()
    before, told, heard = node.resolvers().servers, [], None
    began = time.monotonic()
    with timed(told):
        node.apply(whole)
        while list(node.resolvers().servers) != [NEW_DNS] and time.monotonic() < began + SECONDS:
            time.sleep(0.05)
    while heard is None and time.monotonic() < began + SECONDS:
        heard = time.monotonic() - began if dns.exists() and newdns.asked(dns) else None
    how = "ApplyConfiguration with a ResolverConfig, no reboot; the resolvers as the node tells "
    found = book.add(enrol.dns(told[0], heard, (NEW_DNS,), how + "them; the log of our own DNS server."))
    node.apply(
        merge(load(node.machine_config()), mine.replace("nameservers", "$patch: delete\nnameservers")).dump()
    )
    assert found.verdict is Verdict.HOLDS, found
    assert list(before) != [NEW_DNS]


def test_c05_c06_upgrade_and_rollback(book, upgrades):
    with upgrades.recording("claims", 4) as recorder:
        for found in upgrade.upgrade(upgrades, recorder, ("bad-signature", "kernel-panic")):
            book.add(found)
            assert found.verdict is Verdict.HOLDS, found


def test_c14_the_chain(book, upgrades):
    rig = upgrades.rig
    with rig.on() as story:
        assert rig.ready(story, SECONDS) is not None
        story.note(READY)
    titles = {rule.name: rule.title or rule.name for rule in rig.rules} | {READY: "ready, asked over the API"}
    board = rig.board.board_type.title
    how = "Debian's U-Boot for QEMU; boards of metal have overlays of their own, which were not run."
    found = book.add(upgrade.chain(story.timeline(), titles, board, how))
    assert found.verdict is Verdict.HOLDS, found


def test_c08_c16_configured_and_let_in(book, upgrades, tmp_path):
    """From memory, with an empty disk: configured by a URL, and over the API in maintenance."""
    rig = upgrades.rig
    upgrades.known = None
    rig.blank()
    text = tmp_path / "talos.yaml"
    text.write_text(rig.system.config(0))
    talos = Config(kind=ConfigKind.TALOS, name="talos.yaml", path=text, secret=True)
    plan = rig.system.netboot()
    during_plan = replace(plan, cmdline=f"{plan.cmdline} talos.config={{config}}talos.yaml", configs=(talos,))
    rig.session.assign(rig.board.place, during_plan)
    during = netbooted(rig, lambda: admin(rig, "os:admin"), "running")
    rig.session.assign(rig.board.place, plan)
    since = now_ns()
    checks, calls = {}, []
    maintenance = netbooted(rig, Maintenance, "maintenance")
    fingerprint = re.findall(FINGERPRINT, rig.board.console.transcript.text_since(since))[-1]
    tries(
        checks, "the console's fingerprint", rig, Maintenance(fingerprint), lambda n: n.version(), good=True
    )
    tries(checks, "another fingerprint", rig, Maintenance("A" * 43 + "="), lambda n: n.version(), good=False)
    with timed(calls):
        with node_of(rig, Maintenance(fingerprint)) as node:
            node.apply(rig.system.config(0))
        wait_running(rig, lambda: admin(rig, "os:admin"), "running")
    stranger = CertificateAuthority.create("stranger")
    foreign = MutualTls(stranger.pair.certificate, stranger.issue_client("os:admin"))
    tries(checks, "configured, without a certificate", rig, Maintenance(), lambda n: n.version(), good=False)
    tries(checks, "a certificate of strangers", rig, foreign, lambda n: n.version(), good=False)
    tries(
        checks,
        "a reader asks for the version",
        rig,
        admin(rig, "os:reader"),
        lambda n: n.version(),
        good=True,
    )
    tries(checks, "a reader resets", rig, admin(rig, "os:reader"), lambda n: n.reset(), good=False)
    tries(
        checks,
        "an administrator reads",
        rig,
        admin(rig, "os:admin"),
        lambda n: n.read("/proc/cmdline"),
        good=True,
    )
    rig.off()
    how = "refos from memory: with talos.config=URL, and without one, over the API in maintenance."
    found = book.add(enrol.configured(during, (maintenance, calls[0]), how))
    assert found.verdict is Verdict.HOLDS, found
    found = book.add(
        enrol.let_in(checks, "TLS connections with each identity; no join tokens: refos has none.")
    )
    assert found.verdict is Verdict.HOLDS, found


def admin(rig, role):
    authority = rig.system.authority
    return MutualTls(authority.pair.certificate, authority.issue_client(role))


@contextmanager
def node_of(rig, credentials):
    with Node(rig._forwarded(), credentials) as node:
        yield node


def netbooted(rig, credentials, stage):
    """Seconds from the power to that stage, ready."""
    found = []
    rig.off()
    with timed(found):
        rig.board.cycle()
        wait_running(rig, credentials, stage)
    return found[0]


def wait_running(rig, credentials, stage):
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            with node_of(rig, credentials()) as node:
                status = node.machine_status()
            if (status.stage.lower(), status.ready) == (stage, True):
                return
        except LabError:
            rig.let_go()
        assert time.monotonic() < deadline, f"it never came to {stage}"
        time.sleep(0.2)


def tries(checks, name, rig, credentials, call, *, good):
    """What came of a call as somebody; it should go well or be refused."""
    try:
        with node_of(rig, credentials) as node:
            call(node)
        checks[name] = (good, "let in")
    except LabError as error:
        checks[name] = (not good, str(error))
