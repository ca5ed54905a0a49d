"""What to enable where no sandbox can be made: one message, from what this kernel says of itself."""

from dataclasses import dataclass
from pathlib import Path

TUN = Path("/dev/net/tun")


@dataclass(frozen=True, slots=True)
class _Switch:
    """A sysctl that forbids user namespaces while it has the value `bad`."""

    name: str
    bad: str
    good: str
    remark: str

    def value(self) -> str | None:
        try:
            return Path("/proc/sys", self.name.replace(".", "/")).read_text().strip()
        except OSError:
            return None


_SWITCHES = (
    _Switch("kernel.unprivileged_userns_clone", "0", "1", "Debian's and Arch's own switch"),
    _Switch("user.max_user_namespaces", "0", "15000", ""),
    _Switch("user.max_net_namespaces", "0", "15000", ""),
    _Switch("user.max_pid_namespaces", "0", "15000", ""),
    _Switch("kernel.apparmor_restrict_unprivileged_userns", "1", "0", "Ubuntu 24.04 and later"),
)


def explain(tried: list[str]) -> str:
    """Return the message for `tried`, the attempts with the kernel's answers."""
    lines = ["the sandbox needs a network namespace of its own, and none could be made.", "Tried:"]
    lines += [f"  - {attempt}" for attempt in tried]
    lines += ["Enable one of:", "  - run this command as root (sudo)"]
    lines += [f"  - {hint}" for hint in _user_namespace_hints()]
    lines.append(
        "  - in a container: docker run --cap-add SYS_ADMIN --cap-add NET_ADMIN "
        "--security-opt seccomp=unconfined --security-opt apparmor=unconfined"
    )
    return "\n".join(lines)


def _user_namespace_hints() -> list[str]:
    wrong = [s for s in _SWITCHES if s.value() == s.bad]
    if wrong:
        return [
            f"sudo sysctl -w {s.name}={s.good}   (it is {s.bad}{'; ' + s.remark if s.remark else ''})"
            for s in wrong
        ]
    names = ", ".join(f"{s.name}={s.good}" for s in _SWITCHES[:2] + _SWITCHES[-1:])
    return [f"user namespaces for ordinary users: {names} (those that exist here do not forbid it)"]


def explain_tap(problem: OSError) -> str:
    """Return the message where a tap was asked for and cannot be."""
    mode = ""
    if TUN.exists():
        mode = f" (mode {TUN.stat().st_mode & 0o777:04o}, owner uid {TUN.stat().st_uid})"
    return (
        f"a tap link needs {TUN}{mode}: {problem.strerror}. "
        f"Enable it with: sudo modprobe tun && sudo chmod 0666 {TUN}; or use the packet link, "
        "which needs neither"
    )
