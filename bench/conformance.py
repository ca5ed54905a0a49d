"""Which simulated firmware boots from which server, and which rules each server keeps: ours, dnsmasq, Kea.

    python -m bench.conformance [--quick] [--json] [--servers bootlab,Kea] [--write docs/conformance.md]

Each server runs in a network namespace of its own with an equivalent configuration and the same files
(bench/conformance_servers.py); the firmware is lab.testing.firmware's, the rules are in
bench/conformance_dhcp.py and bench/conformance_tftp.py. --quick leaves out what takes more than some seconds.
Exit code 1 where ours fails.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import conformance_dhcp, conformance_tftp
from bench.conformance_probe import NotKept, Optional, Probe, Rule, probe_mac
from bench.conformance_servers import NETS, make_files, server
from bench.dhcp_peers import kea_program
from bench.namespace import enter_namespace
from bench.tftp_peers import fetch_hpa
from lab.testing.firmware.kinds import Seat, seats
from lab.testing.firmware.network import Network
from lab.testing.firmware.service import RACK_INTERFACE, inside

KINDS = ("edk2", "edk2-arm64", "edk2-http", "ipxe", "bios", "uboot", "pi3", "pi4", "pi5")
RULES = {"DHCP": conformance_dhcp.RULES, "TFTP": conformance_tftp.RULES}
MARKS = {"yes": "yes", "no": "**no**", "part": "partly"}
Verdicts = dict[str, tuple[str, str]]  # row -> one of MARKS, and a word about it


def main() -> int:
    options = parse()
    if options.probe:
        print(json.dumps(probe(options.interface, options.probe, quick=options.quick)))
        return 0
    require(options.servers.split(","))
    enter_namespace("bench.conformance")
    results: dict[str, Verdicts] = {}
    with tempfile.TemporaryDirectory(prefix="bootlab-conformance-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        plan = make_files(folder)
        rack = seats(len(KINDS), KINDS)
        count = sum(map(len, RULES.values()))
        known = [*rack, *(Seat(100 + n, "edk2", probe_mac(n)) for n in range(1, count + 1))]
        for each in options.servers.split(","):
            with server(each, folder, plan, known) as network:
                verdicts = {
                    **boots(network.rack, options.quick),
                    **rules(network.rack, network.address, options.quick),
                }
            results[each] = verdicts
    text = json.dumps(results) if options.json else table(results)
    print(text)
    if options.write:
        write(options.write, table(results))
    ours = results.get("bootlab", {})
    return 1 if any(verdict == "no" for verdict, _ in ours.values()) else 0


def require(servers: list[str]) -> None:
    """End in one sentence where a peer is not installed: in its namespace it is an error of nsenter's."""
    needed = {"bootlab": (), "dnsmasq": ("dnsmasq", "nginx"), "Kea": ("kea-admin", "nginx")}
    unknown = [name for name in servers if name not in needed]
    if unknown:
        sys.exit(f"--servers: there is no {unknown[0]}; there are {', '.join(needed)}")
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
    missing = {tool for name in servers for tool in needed[name] if shutil.which(tool, path=path) is None}
    if missing:
        sys.exit(f"not installed: {', '.join(sorted(missing))}; `tools/setup bench` installs what this needs")
    if os.geteuid():
        sys.exit("it needs root: the peers want to change their user")
    if "Kea" in servers:
        try:  # now: in the namespace there is no network
            kea_program(), fetch_hpa()
        except (OSError, subprocess.CalledProcessError) as exc:
            sys.exit(f"Kea and tftpd-hpa cannot be fetched (apt-get download): {exc}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="without the slow rules")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--servers", default=",".join(NETS))
    parser.add_argument("--write", type=Path, help="put the table into this page")
    parser.add_argument("--probe", default="", help=argparse.SUPPRESS)
    parser.add_argument("--interface", default=RACK_INTERFACE, help=argparse.SUPPRESS)
    return parser.parse_args()


def boots(rack: int, quick: bool) -> Verdicts:
    words = ["rack", "--machines", str(len(KINDS)), "--kinds", ",".join(KINDS), "--json"]
    words += ["--interface", RACK_INTERFACE, "--seconds", "40"]
    words += ["--scale", "0.25"] if quick else []
    rows = json.loads(run(rack, "lab.testing.firmware", words))["machines"]
    return {f"boots: {row['kind']}": ("yes", "") if row["up"] else ("no", why(row)) for row in rows}


def why(row: dict[str, Any]) -> str:
    return str(row["failure"] or f"still at {row['stage']}")


def rules(rack: int, address: str, quick: bool) -> Verdicts:
    words = ["--probe", address, *(["--quick"] if quick else [])]
    found: dict[str, list[str]] = json.loads(run(rack, "bench.conformance", words))
    return {name: (verdict, note) for name, (verdict, note) in found.items()}


def run(rack: int, module: str, words: list[str]) -> str:
    argv = [*inside(rack), sys.executable, "-m", module, *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=200)
    if not done.stdout.startswith("{"):
        sys.exit(f"{module}: {done.stderr[-2000:]}")
    return done.stdout


def probe(interface: str, address: str, *, quick: bool) -> Verdicts:
    """Try all rules at once, in the rack's namespace."""
    found: Verdicts = {}
    named = [(f"{group}: {rule.text}", rule) for group, listed in RULES.items() for rule in listed]
    probes = {
        name: Examined(number, rule, address)
        for number, (name, rule) in enumerate(named, 1)
        if not (quick and rule.slow)
    }
    network = Network(interface)
    network.run(probes.values(), 60.0)
    network.close()
    for name, each in probes.items():
        found[name] = each.verdict
    return found


class Examined(Probe):
    """A probe whose verdict is told."""

    @property
    def verdict(self) -> tuple[str, str]:
        if self.up:
            return "yes", ""
        kind, _, note = self.failure.partition(": ")
        return ("part", note) if kind == Optional.__name__ else ("no", note or self.failure or "no end")

    def boot(self) -> Any:
        try:
            yield from self.rule.check(self)
        except (Optional, NotKept) as exc:
            raise type(exc)(f"{type(exc).__name__}: {exc}") from None


def table(results: dict[str, Verdicts]) -> str:
    """Markdown: a row for each firmware and rule, a column for each server, notes below."""
    sources = {f"{group}: {rule.text}": rule.source for group, listed in RULES.items() for rule in listed}
    rows = list(dict.fromkeys(row for verdicts in results.values() for row in verdicts))
    lines = ["| | source | " + " | ".join(results) + " |", "|---|---|" + "---|" * len(results)]
    notes: list[str] = []
    for row in rows:
        cells = []
        for name, verdicts in results.items():
            verdict, note = verdicts.get(row, ("", ""))
            cells.append(MARKS.get(verdict, "–"))
            if note:
                notes.append(f"- {row}, {name}: {_hidden(note)}")
        lines.append(f"| {row} | {sources.get(row, '')} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *notes]) + "\n"


def _hidden(note: str) -> str:
    """Addresses of the day are no news."""
    return re.sub(r"10\.\d+\.\d+\.\d+", "ADDRESS", note)


def write(path: Path, text: str) -> None:
    begin, end = "<!-- table -->\n", "<!-- end of table -->\n"
    before, _, rest = path.read_text().partition(begin)
    after = rest.partition(end)[2]
    path.write_text(f"{before}{begin}{text}{end}{after}")


__all__ = ["RULES", "Rule", "main"]


if __name__ == "__main__":
    sys.exit(main())
