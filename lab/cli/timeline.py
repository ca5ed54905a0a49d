"""`bootlab timeline`: the boots in a capture, drawn as a waterfall of DHCP rounds and files."""

import io
import json
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab.cli.explain import begin, chosen
from lab.errors import UsageError
from lab.report import words
from pxe.explain import Evidence, explain
from pxe.explain.capture import Capture, read
from pxe.explain.progress import summary
from pxe.explain.spans import Span, spans

_COLOURS = {"dhcp": "cyan", "tftp": "green", "http": "blue"}
_MIN_BAR, _MAX_ROWS = 20, 200
_HTML_WIDTH = 140


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--mac", help="Only this machine, such as 52:54:00:12:34:56.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, nothing else.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page there instead.")
def timeline(file: Path, mac: str | None, *, as_json: bool, html: Path | None) -> None:
    """Draw where the time of each boot in the capture FILE (pcap or pcapng) went.

    \b
    Examples:
      bootlab timeline boot.pcap
      bootlab timeline boot.pcap --html boot.html
    """
    capture = read(file)
    machines = chosen(capture, mac)
    if as_json:
        steps = {who: [asdict(s) for s in spans(e)] for who, e in machines.items()}
        click.echo(json.dumps({"schema": 1, "file": str(file), "machines": steps}, indent=2))
    elif html is not None:
        _write(html, capture, machines)
        click.echo(html)
    else:
        draw(Console(highlight=False), capture, machines)


def draw(out: Console, capture: Capture, machines: dict[str, Evidence]) -> None:
    """Print a waterfall for each machine."""
    begin(out, capture, machines)
    for who, evidence in machines.items():
        out.print(Text.assemble((who, "bold"), f"  {summary(evidence)}"), soft_wrap=True)
        steps = spans(evidence)
        if steps:
            out.print(_waterfall(steps[:_MAX_ROWS], out.width))
        if len(steps) > _MAX_ROWS:
            out.print(f"and {len(steps) - _MAX_ROWS} steps more: --json has them", style="dim")
        for finding in explain(evidence):
            out.print(Text(f"● {finding.sentence}", "bold red"), soft_wrap=True)
        out.print()


def _waterfall(steps: list[Span], width: int) -> Table:
    start, end = steps[0].start_ns, max(step.end_ns for step in steps)
    cells = max(_MIN_BAR, width // 3)
    table = Table(box=None, padding=(0, 1), show_edge=False)
    table.add_column("at", justify="right")
    table.add_column("s", justify="right")
    table.add_column(f"0 to {(end - start) / 1e9:.1f} s", width=cells, no_wrap=True)
    table.add_column("step", ratio=1)
    table.add_column("frame", justify="right", style="dim")
    for step in steps:
        taken = (step.end_ns - step.start_ns) / 1e9
        style = _COLOURS[step.kind] if step.ok else "red"
        size = f"  {words.size(step.size)}" if step.size else ""
        table.add_row(
            f"+{(step.start_ns - start) / 1e9:.2f}",
            words.seconds(taken),
            Text(_bar(step, start, end, cells), style),
            Text(f"{step.kind} {step.label}{size}", "" if step.ok else "red"),
            str(step.frame or ""),
        )
    return table


def _bar(step: Span, start: int, end: int, cells: int) -> str:
    scale = cells / max(end - start, 1)
    left = min(int((step.start_ns - start) * scale), cells - 1)
    length = max(1, round((step.end_ns - step.start_ns) * scale))
    return " " * left + "█" * min(length, cells - left)


def _write(path: Path, capture: Capture, machines: dict[str, Evidence]) -> None:
    out = Console(record=True, width=_HTML_WIDTH, file=io.StringIO(), highlight=False)
    draw(out, capture, machines)
    try:
        path.write_text(out.export_html(), encoding="utf-8")
    except OSError as exc:
        raise UsageError(f"{path} cannot be written: {exc.strerror}") from None
