"""`bootlab explain`: why the machines of a capture did not boot; works on any server's packets."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from lab.errors import UsageError
from pxe import explain as engine
from pxe.errors import PlanError
from pxe.explain import Evidence, Finding, Severity
from pxe.explain.capture import Capture, read
from pxe.explain.evidence import Network
from pxe.explain.progress import fetched, summary
from pxe.plan import normalise_mac

_STYLES = {Severity.FATAL: "bold red", Severity.WARNING: "yellow"}


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--mac", help="Only this machine, such as 52:54:00:12:34:56.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, nothing else.")
def explain(file: Path, mac: str | None, *, as_json: bool) -> int:
    """Say why the machines in the capture FILE (pcap or pcapng) did not boot.

    The capture may be of any DHCP, TFTP or HTTP server. Exit code 1 where a machine did not boot.

    \b
    Examples:
      bootlab explain boot.pcap
      bootlab explain boot.pcap --mac 52:54:00:12:34:56 --json
    """
    capture = read(file)
    machines = chosen(capture, mac)
    findings = {who: engine.explain(evidence) for who, evidence in machines.items()}
    if as_json:
        click.echo(json.dumps(_as_json(file, capture, machines, findings), indent=2))
    else:
        _tell(Console(highlight=False), capture, machines, findings)
    failed = any(f.severity is Severity.FATAL for found in findings.values() for f in found)
    return 1 if failed else 0


def chosen(capture: Capture, mac: str | None) -> dict[str, Evidence]:
    """The machines of a capture; with `mac` that one, also where nothing of it was seen.

    Raises UsageError for a MAC that is none.
    """
    if mac is None:
        return capture.machines
    if mac in capture.machines:  # one that is known by its address only
        return {mac: capture.machines[mac]}
    try:
        wanted = normalise_mac(mac)
    except PlanError as exc:
        raise UsageError(f"--mac: {exc}") from None
    seconds = (capture.last_ns - capture.first_ns) / 1e9
    return {wanted: capture.machines.get(wanted) or Evidence(mac=wanted, network=Network(seconds=seconds))}


def _as_json(
    file: Path, capture: Capture, machines: dict[str, Evidence], findings: dict[str, tuple[Finding, ...]]
) -> dict[str, Any]:
    return {
        "schema": 1,
        "file": str(file),
        "frames": capture.frames,
        "seconds": (capture.last_ns - capture.first_ns) / 1e9,
        "faults": list(capture.faults),
        "machines": [
            {"mac": who, "summary": summary(e), "findings": [asdict(f) for f in findings[who]]}
            for who, e in machines.items()
        ],
    }


def _tell(
    out: Console, capture: Capture, machines: dict[str, Evidence], findings: dict[str, tuple[Finding, ...]]
) -> None:
    begin(out, capture, machines)
    for who, evidence in machines.items():
        out.print()
        out.print(Text.assemble((who, "bold"), f"  {summary(evidence)}"), soft_wrap=True)
        if not findings[who]:
            out.print(_silence(evidence))
        for finding in findings[who]:
            _tell_one(out, finding, capture.first_ns)


def begin(out: Console, capture: Capture, machines: dict[str, Evidence]) -> None:
    """Print what the file holds, what was wrong with it, and where nobody in it boots."""
    when = datetime.fromtimestamp(capture.first_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    seconds = (capture.last_ns - capture.first_ns) / 1e9
    since = f" in {seconds:.1f} s, from {when}" if capture.frames else ": nothing was recorded"
    out.print(f"{capture.frames} frames{since}", style="dim")
    for fault in capture.faults:
        out.print(Text(f"note: {fault}", "yellow"))
    if not machines and capture.frames:
        out.print("No machine in it tries to boot: no DHCP, no TFTP, no HTTP of a firmware.")


def _silence(evidence: Evidence) -> Text:
    if any(fetched(evidence)):
        return Text("  nothing to explain", "green")
    return Text("  no rule fits: the capture may end while it was still asking", "yellow")


def _tell_one(out: Console, finding: Finding, first_ns: int) -> None:
    style = _STYLES[finding.severity]
    at = f"  (+{(finding.t_ns - first_ns) / 1e9:.2f} s)" if finding.t_ns >= first_ns > 0 else ""
    out.print(Text.assemble(("  ● ", style), (finding.sentence, style), (at, "dim")), soft_wrap=True)
    out.print(Text(f"    cure: {finding.cure}"), soft_wrap=True)
    for line in finding.evidence:
        out.print(Text(f"    {line}", "dim"), soft_wrap=True)
    out.print(Text(f"    rule: {finding.rule}", "dim"))
