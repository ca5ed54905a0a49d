"""How a run was measured, as terms and descriptions for people."""

from lab.measure.statistics import MIN_FOR_MAD, MIN_FOR_P95
from lab.model import BootRecord
from lab.report import words
from lab.report.console import ConsoleView
from lab.store.host import HostInfo
from lab.store.run import Run

_METHODS = {
    "firmware": "the firmware's own way, no key pressed",
    "driven": "driven: commands typed at the boot loader",
}


def facts(run: Run, console: ConsoleView | None) -> list[tuple[str, str]]:
    """Return what a reader needs to judge the figures; `console` is that of a boot that became ready."""
    info = run.info
    ready = sum(boot.ready for boot in run.boots)
    kind = "emulated" if info.emulated else "real hardware"
    rows = [
        ("When", f"{words.moment(info.started_at)}; run {info.run_id}"),
        ("Command", info.command),
        ("Boots", f"{len(run.boots)} of {info.boots_planned} asked for; {ready} became ready"),
        ("Board", f"{info.board_type}, {kind}; place {info.place}"),
        ("Way of booting", _METHODS.get(info.method, info.method)),
        ("Host", _host(info.host)),
        ("Load when it began", f"{info.host.load:.2f}" if info.host.cores else ""),
        ("Load at power-on", _loads(run)),
        *info.versions.items(),
        *_versions(run, console),
        ("Boot plan", _fingerprint(info.plan_hash)),
        ("Files served", _fingerprint(info.image_digest)),
        ("Console arguments", info.console_args),
        ("Suite", f"{info.suite}{f', night {info.night}' if info.night else ''}"),
        *info.site.items(),
        ("Clock", "one monotonic clock; bytes and packets are stamped where they are received"),
        (
            "Statistics",
            f"of the boots that became ready; MAD from {MIN_FOR_MAD} boots on, percentiles (nearest rank) "
            f"from {MIN_FOR_P95} on; whiskers are p5 to p95, with fewer boots minimum to maximum",
        ),
    ]
    return [(term, text) for term, text in rows if text]


def conditions(record: BootRecord) -> str:
    """What a boot was measured under, where it can differ from one boot to the next; "" where unknown."""
    parts = [f"attempt {record.attempt}" if record.attempt > 1 else ""]
    parts.append(f"load {record.load:.2f} at power-on" if record.load is not None else "")
    parts += [record.firmware, f"Linux {record.kernel}" if record.kernel else ""]
    return " · ".join(part for part in parts if part)


def _loads(run: Run) -> str:
    loads = sorted(boot.load for boot in run.boots if boot.load is not None)
    if not loads:
        return ""
    return f"{loads[0]:.2f}" if loads[0] == loads[-1] else f"{loads[0]:.2f} to {loads[-1]:.2f}"


def _versions(run: Run, console: ConsoleView | None) -> list[tuple[str, str]]:
    """What firmware and kernel said; where boots differ, all of it. Runs of before it was recorded have it
    in their consoles."""
    firmware = dict.fromkeys(boot.firmware for boot in run.boots if boot.firmware)
    kernel = dict.fromkeys(boot.kernel for boot in run.boots if boot.kernel)
    spoken = console.versions if console else ("", "")
    return [
        ("Firmware", " | ".join(firmware) or spoken[0]),
        ("Kernel", " | ".join(kernel) or spoken[1]),
    ]


def _fingerprint(digest: str) -> str:
    return f"SHA-256 {digest}" if digest else ""


def _host(host: HostInfo) -> str:
    parts = [host.cpu, host.kernel]
    if host.cores:
        parts.insert(1, words.count(host.cores, "core"))
    if host.memory_bytes:
        parts.insert(-1, words.size(host.memory_bytes))
    return ", ".join(part for part in parts if part)
