"""How a run was measured, as terms and descriptions for people."""

from lab.measure.statistics import MIN_FOR_MAD, MIN_FOR_P95
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
        *info.versions.items(),
        *((f"{name} on the console", text) for name, text in (console.versions if console else ())),
        *info.site.items(),
        ("Clock", "one monotonic clock; bytes and packets are stamped where they are received"),
        (
            "Statistics",
            f"of the boots that became ready; MAD from {MIN_FOR_MAD} boots on, percentiles (nearest rank) "
            f"from {MIN_FOR_P95} on; whiskers are p5 to p95, with fewer boots minimum to maximum",
        ),
    ]
    return [(term, text) for term, text in rows if text]


def _host(host: HostInfo) -> str:
    parts = [host.cpu, host.kernel]
    if host.cores:
        parts.insert(1, words.count(host.cores, "core"))
    if host.memory_bytes:
        parts.insert(-1, words.size(host.memory_bytes))
    return ", ".join(part for part in parts if part)
