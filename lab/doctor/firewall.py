"""Does a firewall of this host drop what machines send to us?

Netfilter's chains `prerouting` and `input` are read by `nft`, iptables-nft's rules included. Old iptables
(legacy) is read only where its kernel tables are in use, and judged by a look at its words. Rules of eBPF,
of bridges and of switches are not looked at.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab.doctor.finding import Finding, fault, ok, unknown, warning
from lab.doctor.nft import Fate, Outcome, Probe, fate
from lab.doctor.rounds import Patient
from pxe.settings import DhcpSettings, ServiceSettings

_SECONDS = 10
_TRANSFER_PORT = 40000  # an answer to a transfer's own port, any above 1023


def check_firewall(patient: Patient) -> Iterator[Finding]:
    """The packets that a boot begins with, at each interface."""
    if patient.site is None or not patient.links:
        return
    ruleset = read_nft()
    if isinstance(ruleset, str):
        cure = "apt-get install nftables" if "not installed" in ruleset else "run doctor with sudo"
        yield unknown(f"the firewall's rules: {ruleset}", cure)
    else:
        for link in patient.links:
            yield from judge_ruleset(ruleset, link, patient.site.service)
    yield from _legacy()


def read_nft() -> dict[str, Any] | str:
    """Return the ruleset of this network namespace, or why it cannot be read."""
    program = shutil.which("nft") or shutil.which("/usr/sbin/nft")
    if program is None:
        return "the program nft is not installed"
    done = subprocess.run(
        [program, "-j", "list", "ruleset"], capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    if done.returncode != 0:
        return (done.stderr.strip().splitlines() or ["nft failed"])[0]
    try:
        found = json.loads(done.stdout) if done.stdout.strip() else {}
    except ValueError:
        return "nft's answer is not JSON"
    return found if isinstance(found, dict) else "nft's answer has another shape"


def probes(link: DhcpSettings, service: ServiceSettings) -> Iterator[tuple[str, Probe]]:
    """Yield what machines send, by name."""
    name, ours = link.interface, str(link.ip)
    yield "DHCP (udp 67)", Probe(interface=name, protocol="udp", port=link.port)
    unicast = Probe(interface=name, protocol="udp", port=link.proxy_port, target=ours)
    machine = str(next(link.address.network.hosts(), link.ip))
    unicast = replace(unicast, source=machine)
    yield f"proxyDHCP (udp {link.proxy_port})", unicast
    if service.tftp is not None:
        yield f"TFTP requests (udp {service.tftp.port})", replace(unicast, port=service.tftp.port)
        acks = replace(unicast, port=_TRANSFER_PORT, state="established")
        yield "TFTP acknowledgements (udp above 1023)", acks
    if service.http is not None:
        yield f"HTTP (tcp {service.http.port})", replace(unicast, protocol="tcp", port=service.http.port)


def judge_ruleset(ruleset: dict[str, Any], link: DhcpSettings, service: ServiceSettings) -> Iterator[Finding]:
    """Let each packet run through the rules."""
    passed = []
    for what, probe in probes(link, service):
        end = fate(ruleset, probe)
        if end.outcome is Outcome.ACCEPT:
            passed.append(what)
            continue
        cure = _cure(end, probe)
        where = f"the chain `{end.chain}`"
        if end.outcome is Outcome.DROP:
            yield fault(f"{where} drops {what} that comes in at {link.interface}", cure)
        else:
            yield warning(
                f"{where} may drop {what} at {link.interface}: it has a rule that we cannot weigh", cure
            )
    if passed:
        yield ok(f"nothing in nft's rules drops {', '.join(passed)} at {link.interface}")


def _cure(end: Fate, probe: Probe) -> str:
    what = f"{probe.protocol} dport {probe.port} accept"
    if probe.state == "established":
        what = "ct state established,related accept"
    return f'sudo nft insert rule {end.chain} iifname "{probe.interface}" {what}'


def _legacy() -> Iterator[Finding]:
    """Rules of the old iptables, where there are any: asking for them would load its kernel module."""
    tables = Path("/proc/net/ip_tables_names")
    try:
        names = tables.read_text().split()
    except OSError:
        return
    program = shutil.which("iptables-legacy-save") or shutil.which("/usr/sbin/iptables-legacy-save")
    if not names:
        return
    if program is None:
        yield unknown(
            f"old iptables is in use here (tables {', '.join(names)}), and its rules cannot be read",
            "apt-get install iptables, and run doctor again",
        )
        return
    done = subprocess.run([program], capture_output=True, text=True, timeout=_SECONDS, check=False)
    dropping = [line for line in done.stdout.splitlines() if _drops(line)]
    if dropping:
        yield warning(
            f"old iptables has {len(dropping)} rules or policies that drop, such as {dropping[0]!r}: whether "
            "they hit us was not judged",
            "sudo iptables-legacy -L INPUT -v -n, and let udp 67, 69, 4011 and tcp 80 in",
        )
    elif done.returncode == 0:
        yield ok("old iptables drops nothing")


def _drops(line: str) -> bool:
    return line.startswith((":INPUT DROP", ":PREROUTING DROP")) or (
        line.startswith("-A") and line.endswith((" DROP", "-j REJECT")) and not line.startswith("-A FORWARD")
    )
