"""Each illness made for real, and found; where it can be, the cure that the doctor names is taken."""

import re
import shutil
import sys

import pytest

pytestmark = [pytest.mark.interop]

DNSMASQ = ["--no-daemon", "--port=0", "--conf-file=/dev/null", "--user=root", "--log-dhcp", "--no-ping"]
DNSMASQ += ["--interface=eth0", "--bind-interfaces", "--leasefile-ro"]
# Its number as /proc has it, which is the host's also in a sandbox
WAIT = "import os, time; print('pid', os.readlink('/proc/self'), flush=True); time.sleep(600)"
HOLD_PORT_69 = (
    "import socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 69)); "
    "print('bound', flush=True); time.sleep(600)"
)


def only(findings, verdict):
    return [f for f in findings if f["verdict"] == verdict]


def dnsmasq():
    return shutil.which("dnsmasq") or pytest.skip("dnsmasq is not here: apt-get install dnsmasq-base")


def test_other_servers_are_named_with_what_they_offer_and_never_asked_for_an_address(ward):
    log = ward.folder / "dnsmasq.log"
    words = [dnsmasq(), *DNSMASQ, "--dhcp-range=10.99.0.200,10.99.0.210,1h", "--dhcp-boot=theirs.efi"]
    shell = f"{' '.join(words)} 2>&1 | tee {log}"
    ward.host("52:54:00:00:0b:01", "10.99.0.2/24", "sh", "-c", shell, until="IP range")
    words = [
        dnsmasq(),
        *DNSMASQ,
        "--dhcp-range=10.99.0.0,proxy",
        "--pxe-service=x86-64_EFI,theirs,theirs.efi",
    ]
    ward.host("52:54:00:00:0b:03", "10.99.0.3/24", *words, until="DHCP, proxy on subnet")
    status, findings = ward.doctor("other servers")
    (found,), (proxy,) = only(findings, "fault"), only(findings, "warning")
    assert status == 4
    assert "10.99.0.2 (52:54:00:00:0b:01): offers 10.99.0.2" in found["sentence"]
    assert "'theirs.efi'" in found["sentence"]
    assert "mode: proxy" in found["cure"]
    assert "another proxyDHCP answers on br0: 10.99.0.3" in proxy["sentence"]
    assert "DHCPOFFER" in log.read_text()
    assert "DHCPREQUEST" not in log.read_text()

    ward.site({"mode": "proxy"})
    status, findings = ward.doctor("other servers")
    assert (status, only(findings, "fault")) == (0, [])
    assert "offers 10.99.0.2" in only(findings, "ok")[0]["sentence"]


def test_a_taken_port_and_missing_rights(ward):
    ward.site({"pool": {"start": "10.99.0.100", "end": "10.99.0.150"}}, tftp={}, http={})
    ward.spawn(sys.executable, "-c", HOLD_PORT_69, until="bound")
    status, findings = ward.doctor("ports")
    assert status == 4
    (found,) = only(findings, "fault")
    assert re.search(r"TFTP needs udp port 69, and python\S* \(pid (\d+)\) has it", found["sentence"])
    assert "free: udp 67, udp 4011, tcp 80" in [f["sentence"] for f in findings]
    ward.end()

    status, findings = ward.doctor("rights", "ports", "other servers", wrapper="setpriv --bounding-set=-all")
    assert status == 4
    (found,) = only(findings, "fault")
    assert "ports 67, 69, 80 are below 1024" in found["sentence"]
    (unseen,) = only(findings, "could-not-look")
    assert "needs CAP_NET_RAW" in unseen["sentence"]


def test_interfaces_that_are_not_as_the_site_file_says_and_bridges_that_delay(ward):
    ward.run(
        "ip link set br0 type bridge stp_state 1 forward_delay 1500"
        " && ip link add v0 type veth peer name v1"
        " && ip link set v0 master br0 up && ip link set v1 up mtu 1400"
        " && ip link add down0 type veth peer name down1 && ip address add 10.98.1.1/16 dev down0"
        " && ip address add 10.98.3.1/24 dev v1"
    )
    more = {"v0": "10.98.0.1/24", "down0": "10.98.1.1/24", "eth9": "10.98.2.1/24", "v1": "10.98.3.1/24"}
    parts = [{"interface": n, "address": a, "dhcp": {"mode": "proxy"}} for n, a in more.items()]
    ward.site({"mode": "proxy"}, interfaces=parts)
    status, findings = ward.doctor("interface", "spanning tree")
    assert status == 2
    faults = "\n".join(f"{f['sentence']} -> {f['cure']}" for f in only(findings, "fault"))
    assert "v0 is a port of br0" in faults
    assert "v0 does not have 10.98.0.1/24 (it has none) -> sudo ip address add 10.98.0.1/24 dev v0" in faults
    assert "down0 is down -> sudo ip link set down0 up" in faults
    assert "down0 has 10.98.1.1/16, the site file says 10.98.1.1/24" in faults
    assert "there is no interface eth9; this host has" in faults
    warnings = "\n".join(f["sentence"] for f in only(findings, "warning"))
    assert "br0 runs spanning tree with a forward delay of 15 s: a port passes nothing for 30 s" in warnings
    assert "br0: v0 forwards nothing now" in warnings
    assert "v1 has MTU 1400" in warnings
    assert "down0 has an address in 10.98.3.0/24, too" in warnings
    assert "the switch behind v1" in "\n".join(f["sentence"] for f in only(findings, "could-not-look"))


def test_disks_that_take_nothing(ward):
    script = """mount -t tmpfs -o size=64k none state; head -c 100000 /dev/zero > state/full 2>/dev/null
        mount -t tmpfs -o ro none results; mount -t tmpfs -o size=64m,nr_inodes=20 none cache
        export BOOTLAB_CACHE=$PWD/cache; exec "$@" """
    (ward.folder / "ill.sh").write_text(script)
    ward.run(f"cd {ward.folder}; mkdir -m 700 state results cache")
    status, findings = ward.doctor("disk", wrapper="unshare -m sh ill.sh")
    assert status == 4
    told = [f["sentence"] for f in only(findings, "fault")]
    assert [sentence.split()[0] for sentence in told] == ["state", "results", "cache"]
    assert "the disk is full (0 MiB free)" in told[0]
    assert "the file system is read-only" in told[1]
    assert "more files can be made (inodes)" in told[2]


@pytest.fixture
def firewall(ward):
    if shutil.which("nft") is None:
        pytest.skip("nft is not here: apt-get install nftables")
    done = ward.sandbox.run(["nft", "add", "table", "inet", "wall"], timeout=60)
    if done.returncode != 0:
        pytest.skip(f"this kernel has no nftables: {done.stderr}")
    return ward


def test_a_firewall_that_drops_is_found_and_its_cure_opens_it(firewall):
    ward = firewall
    ward.run(
        "nft 'add chain inet wall input { type filter hook input priority 0; policy drop; }'"
        " && nft 'add rule inet wall input iifname \"lo\" accept'"
        " && nft 'add rule inet wall input ct state established,related accept'"
        " && nft 'add rule inet wall input udp dport { 69, 4011 } accept'"
    )
    ward.site({"pool": {"start": "10.99.0.100", "end": "10.99.0.150"}}, tftp={}, http={})
    status, findings = ward.doctor("firewall")
    assert status == 4
    faults = only(findings, "fault")
    assert [re.search(r"drops (.*) that", f["sentence"]).group(1) for f in faults] == [
        "DHCP (udp 67)",
        "HTTP (tcp 80)",
    ]
    assert "TFTP requests (udp 69), TFTP acknowledgements" in only(findings, "ok")[0]["sentence"]
    for found in faults:
        ward.run(found["cure"].removeprefix("sudo ").replace('"br0"', "'\"br0\"'"))
    status, findings = ward.doctor("firewall")
    assert (status, only(findings, "fault")) == (0, [])


def test_tftp_is_tried_from_the_other_end_of_the_wire(firewall):
    """A firewall that lets requests in and forgets that a transfer goes on at another port."""
    ward = firewall
    (ward.folder / "tftp").mkdir()
    (ward.folder / "tftp" / "kernel").write_bytes(bytes(20_000))
    loaders = {kind: "tftp/kernel" for kind in ("bios", "x86_64", "arm64")}
    ward.site(
        {"pool": {"start": "10.99.0.100", "end": "10.99.0.150"}},
        tftp={"root": "tftp"},
        http={},
        loaders=loaders,
    )
    serve = f"cd {ward.folder}; exec {sys.executable} -m lab serve -c lab.yaml"
    ward.spawn("sh", "-c", f"PYTHONPATH={':'.join(sys.path)} {serve}", until="ready:")
    lines = ward.host("52:54:00:00:0b:02", "10.99.0.9/24", sys.executable, "-c", WAIT, until="pid ")
    there = f"--netns /proc/{lines[-1].split()[1]}/ns/net"

    status, findings = ward.doctor("service", "tftp", "http", options=there)
    sentences = [f["sentence"] for f in findings]
    assert (status, [f["verdict"] for f in findings]) == (0, ["ok"] * 3), sentences
    assert "tftp://10.99.0.1:69/kernel came whole, 20000 bytes" in sentences[1]

    ward.run("nft 'add chain inet wall input { type filter hook input priority 0; }'")
    ward.run("nft 'add rule inet wall input iifname \"br0\" udp dport 1024-65535 drop'")
    status, findings = ward.doctor("tftp", options=there)
    assert status == 4
    assert "tftp://10.99.0.1:69/kernel does not come" in only(findings, "fault")[0]["sentence"]
    # From here it works, and the doctor says what that is worth.
    status, findings = ward.doctor("tftp", "firewall")
    assert any("asked from this host" in f["sentence"] for f in only(findings, "ok"))
    assert any("drops TFTP acknowledgements" in f["sentence"] for f in only(findings, "fault"))
