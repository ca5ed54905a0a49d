"""A sandbox with a lab in it that is ill in one way or another, and the doctor."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.errors import SandboxError
from lab.sandbox import Sandbox

SECONDS = 60.0
BOOTLAB = str(Path(sys.executable).with_name("bootlab"))


class Ward:
    """One sandbox for a test: `run` a line of the shell in it, `spawn` programs, call the `doctor`."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox, self.folder = sandbox, folder
        self._running: list[Any] = []
        self.site({"pool": {"start": "10.99.0.100", "end": "10.99.0.150"}})

    def site(self, dhcp: dict[str, Any], **service: Any) -> None:
        """Write the site file."""
        whole = {
            "interface": self.sandbox.bridge,
            "address": str(self.sandbox.interface),
            "dhcp": dhcp,
            "api": {"socket": "api.sock"},
            "unknown": "record",
            **service,
        }
        (self.folder / "lab.yaml").write_text(json.dumps({"service": whole}))

    def run(self, script: str) -> str:
        """Run a line of the shell inside, to its end."""
        done = self.sandbox.run(["sh", "-c", script], timeout=SECONDS)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def spawn(self, *words: str, until: str) -> list[str]:
        """Start a program and return its lines until one with `until` came; it ends with the test."""
        process = self.sandbox.spawn(list(words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._running.append(process)
        lines = []
        for line in process.stdout:
            lines.append(line.decode(errors="replace").rstrip())
            if until in lines[-1]:
                return lines
        pytest.fail("it ended: " + "\n".join(lines))

    def host(self, mac: str, address: str, *words: str, until: str) -> list[str]:
        """As `spawn`, on a host of its own at the bridge."""
        plug = [sys.executable, "-m", "lab.testing.plugged", f"{self.sandbox.bridge},{mac},{address}"]
        return self.spawn(*plug, *words, until=until)

    def doctor(self, *checks: str, wrapper: str = "", options: str = "") -> tuple[int, list[dict[str, Any]]]:
        """Run `bootlab doctor` with these checks; return its exit code and its findings."""
        names = " ".join(f"--check '{name}'" for name in checks)
        script = f"cd {self.folder}; {wrapper} {BOOTLAB} doctor -c lab.yaml --json --wait 1 {names} {options}"
        done = self.sandbox.run(["sh", "-c", script], timeout=SECONDS)
        assert done.stdout.startswith("{"), done.stderr
        found = json.loads(done.stdout)
        assert found["exit_code"] == done.returncode
        return done.returncode, found["findings"]

    def end(self) -> None:
        """End what was started."""
        for process in self._running:
            process.kill()
            process.wait(SECONDS)
            process.close_streams()
        self._running.clear()


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    try:
        sandbox = Sandbox.create()
    except SandboxError as exc:
        pytest.skip(f"no sandbox here: {exc}")
    with sandbox:
        ward = Ward(sandbox, tmp_path)
        yield ward
        ward.end()
