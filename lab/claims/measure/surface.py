"""What a node is made of: C01 programs, C02 read-only, C03 /etc, C17 what runs, C18 what is installed."""

from collections import Counter
from collections.abc import Iterable, Sequence

from lab.claims.model import Finding, Value, Verdict
from lab.claims.mounts import Mount, mounts, visible
from lab.claims.probe import Listening, Probe

_FEW_PROGRAMS = 20  # the article says 12; a dozen and a few
_TRIED = ("/", "/etc", "/usr", "/usr/local", "/opt", "/var", "/home", "/srv", "/tmp")
_SHOWN = 12


def programs(probe: Probe) -> Finding:
    """C01: names in PATH, and how many different files they are."""
    found = probe.programs()
    files = {program.real for program in found}
    same_bytes = {program.identity for program in found if program.identity}
    values = [Value("names in PATH", len(found)), Value("files behind them", len(files))]
    if same_bytes:
        values.append(Value("of different bytes", len(same_bytes)))
    most = Counter(program.real for program in found).most_common(1)
    links = f"; {most[0][1]} names are {most[0][0]}" if most and most[0][1] > 1 else ""
    fewest = len(same_bytes) or len(files)
    return Finding(
        claim="C01",
        verdict=Verdict.HOLDS if fewest <= _FEW_PROGRAMS else Verdict.FAILS,
        sentence=f"{len(found)} names in PATH lead to {len(files)} files{links}. "
        f"A dozen means at most {_FEW_PROGRAMS} here.",
        values=tuple(values),
        method="Files with an x bit in the folders of PATH. Links are followed, hard links counted once.",
        evidence=_some(sorted(files)),
    )


def read_only(probe: Probe) -> Finding:
    """C02: which mounts of disks may be written, and what a shell could write."""
    seen = visible(mounts(probe.mountinfo()))
    disks = [m for m in seen if m.on_disk]
    written = [m for m in disks if not m.read_only]
    root = next((m for m in seen if m.point == "/"), None)
    tried = probe.writable(_TRIED)
    could = sorted(folder for folder, can in (tried or {}).items() if can)
    values = [Value("mounts of disks", len(disks)), Value("of them writable", len(written))]
    if tried is not None:
        values.append(Value("folders that could be written", len(could)))
    root_text = "unknown" if root is None else f"{root.kind}, {'read-only' if root.read_only else 'writable'}"
    where = ", ".join(m.point for m in written) or "nothing"
    by_hand = f" By hand {', '.join(could) or 'nothing'} could be written." if tried is not None else ""
    return Finding(
        claim="C02",
        verdict=_read_only(root, written),
        sentence=f"/ is {root_text}; on disks {where} may be written.{by_hand}",
        values=tuple(values),
        method="mountinfo; memory and the kernel's own file systems do not count."
        + ("" if tried is None else " A file was made and removed in each folder."),
        evidence=_some([f"{m.point} {m.kind} {'ro' if m.read_only else 'rw'}" for m in disks]),
    )


def _read_only(root: Mount | None, written: Sequence[Mount]) -> Verdict:
    if root is None or not root.read_only:
        return Verdict.FAILS
    return (
        Verdict.HOLDS
        if all(m.point.startswith("/var") or m.point == "/" for m in written)
        else (Verdict.PARTLY)
    )


def etc(probe: Probe) -> Finding:
    """C03: what is mounted at and below /etc."""
    seen = visible(mounts(probe.mountinfo()))
    whole = [m for m in seen if m.point == "/etc"]
    single = [m for m in seen if m.point.startswith("/etc/")]
    if whole:
        verdict = Verdict.FAILS
        sentence = f"/etc as a whole is {whole[0].kind}, {'read-only' if whole[0].read_only else 'writable'}."
    elif single:
        verdict = Verdict.HOLDS
        sentence = f"{len(single)} files or folders are mounted below /etc: " + _list(m.point for m in single)
    else:
        verdict = Verdict.PARTLY
        sentence = "Nothing is mounted at or below /etc: it is as its file system is."
    return Finding(
        claim="C03",
        verdict=verdict,
        sentence=sentence,
        values=(Value("mounts below /etc", len(single)),),
        method="mountinfo",
        evidence=_some([f"{m.point} from {m.root} of {m.kind}" for m in (*whole, *single)]),
    )


def running(probe: Probe) -> Finding:
    """C17: processes, services, sockets."""
    processes, services, sockets = probe.processes(), probe.services(), probe.listening()
    values = [Value("processes", len(processes)), Value("services", len(services))]
    if sockets is not None:
        outside = [s for s in sockets if not s.address.startswith(("127.", "::1"))]
        values += [Value("sockets that listen", len(sockets)), Value("to the outside", len(outside))]
    return Finding(
        claim="C17",
        verdict=Verdict.MEASURED,
        sentence=f"{len(processes)} processes: " + _list(sorted(Counter(processes))) + _sockets(sockets),
        values=tuple(values),
        method="Processes that have a program; services as the node tells them; /proc/net/{tcp,udp}{,6}.",
        evidence=_some(list(services)),
    )


def _sockets(sockets: Sequence[Listening] | None) -> str:
    if sockets is None:
        return ""
    ports = sorted({(s.protocol, s.port) for s in sockets if not s.address.startswith(("127.", "::1"))})
    return "; open to the outside: " + (_list(f"{port}/{protocol}" for protocol, port in ports) or "nothing")


def packages(probe: Probe, known: Sequence[str] | None = None, size: int = 0) -> Finding:
    """C18: packages by the node's word, or as `known` from the image's build; `size` of the system, bytes."""
    told = probe.packages()
    found = told if told is not None else known
    if found is None:
        return Finding(
            claim="C18",
            verdict=Verdict.OPEN,
            sentence="The node does not tell what it is made of, and nothing else does here.",
        )
    values = [Value("packages", len(found))]
    if size:
        values.append(Value("size of the system", size, "B"))
    return Finding(
        claim="C18",
        verdict=Verdict.MEASURED,
        sentence=f"{len(found)} packages"
        + ("." if told is not None else " went into it; the node tells of none."),
        values=tuple(values),
        method="The package manager's list." if told is not None else "The list of the image's build.",
        evidence=_some(list(found)),
    )


def _some(lines: Sequence[str]) -> tuple[str, ...]:
    more = len(lines) - _SHOWN
    return (*lines[:_SHOWN], *([f"and {more} more"] if more > 0 else []))


def _list(words: Iterable[str]) -> str:
    return ", ".join(_some(list(words)))
