"""May we do what the service does? Capabilities, privileged ports, devices, groups, user namespaces."""

import grp
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.doctor.finding import Finding, fault, ok, unknown, warning
from lab.doctor.rounds import Patient

_NET_BIND_SERVICE, _NET_RAW, _NET_ADMIN = 10, 13, 12  # linux/capability.h
_PORT_START = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
_USER_NAMESPACES = (  # sysctl, the value that forbids them, the one to set
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("user.max_user_namespaces", "0", "15000"),
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
)


@dataclass(frozen=True, slots=True)
class Rights:
    """What the kernel lets this process do."""

    capabilities: int
    port_start: int  # the first port that anybody may bind
    uid: int


def read_rights() -> Rights | None:
    """Return our rights, None where /proc does not tell."""
    try:
        lines = dict(
            line.split(":\t", 1)
            for line in Path("/proc/self/status").read_text().splitlines()
            if ":\t" in line
        )
        return Rights(int(lines["CapEff"], 16), int(_PORT_START.read_text()), os.geteuid())
    except (OSError, KeyError, ValueError):
        return None


def check_rights(patient: Patient) -> Iterator[Finding]:
    """As the user who runs this: run it as the one who runs the service."""
    rights = read_rights()
    if rights is None:
        yield unknown("/proc does not tell what we may do", "run it on the host, with /proc mounted")
        return
    site = patient.site
    if site is not None:
        service = site.service
        ports = [link.port for link in service.dhcp]
        ports += [part.port for part in (service.tftp, service.http) if part is not None]
        yield from judge_ports_allowed(rights, ports, dhcp=bool(service.dhcp))
    emulated = [p for p in (site.places if site else ()) if "qemu" in (p.power.kind, p.console.kind)]
    if emulated or site is None:
        yield from _sandbox(rights)
    serial = [p for p in (site.places if site else ()) if p.console.kind == "serial"]
    if serial:
        yield from judge_groups(rights, _groups())


def judge_ports_allowed(rights: Rights, ports: list[int], *, dhcp: bool) -> Iterator[Finding]:
    """May we bind `ports`, and, for DHCP, send frames of our own?"""
    low = sorted({port for port in ports if port < rights.port_start})
    cure = (
        "run the service as root, or give it the two capabilities: "
        "AmbientCapabilities=CAP_NET_BIND_SERVICE CAP_NET_RAW in its systemd unit"
    )
    if low and not _has(rights, _NET_BIND_SERVICE):
        who = "we, though root," if rights.uid == 0 else f"this user (uid {rights.uid})"
        say = fault if rights.uid == 0 else warning  # another user may run the service
        yield say(
            f"ports {', '.join(map(str, low))} are below {rights.port_start}, and {who} may not bind them "
            "(no CAP_NET_BIND_SERVICE)",
            cure,
        )
    elif ports:
        yield ok(f"ports {', '.join(map(str, sorted(set(ports))))} may be bound by uid {rights.uid}")
    if dhcp and not _has(rights, _NET_RAW):
        yield warning(
            "without CAP_NET_RAW DHCP replies are broadcast, pool addresses are not probed, and shadow mode "
            "sees no other server",
            cure,
        )


def judge_groups(rights: Rights, groups: set[str]) -> Iterator[Finding]:
    """May we open serial ports?"""
    if rights.uid == 0 or "dialout" in groups:
        yield ok("serial ports may be opened (root, or group dialout)")
    else:
        yield warning(
            f"uid {rights.uid} is not in the group dialout, to which serial ports belong",
            "sudo usermod -aG dialout $USER, and log in again",
        )


def _sandbox(rights: Rights) -> Iterator[Finding]:
    tun = Path("/dev/net/tun")
    if not tun.exists():
        yield warning("/dev/net/tun is missing: emulated boards get slower links", "sudo modprobe tun")
    if rights.uid == 0:
        return
    for name, bad, good in _USER_NAMESPACES:
        try:
            value = Path("/proc/sys", name.replace(".", "/")).read_text().strip()
        except OSError:
            continue
        if value == bad:
            yield fault(
                f"{name} is {value}: emulated boards need a user namespace where we are not root",
                f"sudo sysctl -w {name}={good}",
            )


def _has(rights: Rights, capability: int) -> bool:
    return bool(rights.capabilities >> capability & 1)


def _groups() -> set[str]:
    names = set()
    for number in {os.getegid(), *os.getgroups()}:
        try:
            names.add(grp.getgrgid(number).gr_name)
        except KeyError:
            continue
    return names
