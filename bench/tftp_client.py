"""The clients that measure: our load client in C, and real ones."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.tftp_peers import PORT, Server


@dataclass(frozen=True)
class Load:
    """One row of the table: what is asked for, by how many at once."""

    label: str
    blksize: int
    windowsize: int
    clients: int
    size: int  # bytes of the file
    repeat: int = 1  # downloads of each client, one after the other
    one_core: bool = False
    target: float | None = None  # times the best peer


def compile_load_client(folder: Path) -> Path:
    program = folder / "tftp_load"
    source = Path(__file__).with_name("tftp_load.c")
    subprocess.run(["cc", "-O2", "-o", program, source], check=True)
    return program


def run_load(program: Path, server: Server, file: Path, load: Load, deadline: int = 10) -> dict[str, Any]:
    """Return what the load client counted, with `rate` (MB/s) and `server_us` (CPU time for a block)."""
    numbers = [load.blksize, load.windowsize, load.clients, 1, load.repeat, deadline]
    command = [str(program), server.address, str(PORT), file.name, str(file), *map(str, numbers)]
    before = server.cpu_seconds()
    if load.one_core:
        server.pin([0])
        command = ["taskset", "-c", "0", *command]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    finally:
        if load.one_core:
            server.pin(list(os.sched_getaffinity(0)))
    result: dict[str, Any] = json.loads(done.stdout)
    time.sleep(0.05)  # children of a forking server end
    blocks = max(1, result["bytes"] / result["blksize"])
    result["rate"] = result["bytes"] / result["seconds"] / 1e6
    after = server.cpu_seconds()
    result["server_us"] = None if after is None or before is None else (after - before) / blocks * 1e6
    return result


def real_clients() -> dict[str, list[str]]:
    """Name -> command; `@` is the address, `NAME` the file on the server, `OUT` where it goes."""
    table = {
        "curl, blksize 1468": ["curl", "-sS", "--tftp-blksize", "1468", "-o", "OUT", f"tftp://@:{PORT}/NAME"],
        "atftp, windowsize 16": [
            "atftp",
            "--option",
            "blksize 1468",
            "--option",
            "windowsize 16",
            "-g",
            "-r",
            "NAME",
            "-l",
            "OUT",
            "@",
            str(PORT),
        ],
        "tftp-hpa, 512": ["tftp", "-m", "binary", "@", str(PORT), "-c", "get", "NAME", "OUT"],
        "busybox, blksize 1468": ["busybox", "tftp", "-b", "1468", "-g", "-r", "NAME", "-l", "OUT", "@"],
    }
    return {name: command for name, command in table.items() if shutil.which(command[0])}


def run_real(command: list[str], server: Server, file: Path) -> dict[str, Any]:
    """Fetch `file` once, compare every byte; `rate` counts from start to end of the client's process."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        words = {"NAME": file.name, "OUT": str(out)}
        argv = [
            words.get(a, a).replace("@", server.address).replace("/NAME", f"/{file.name}") for a in command
        ]
        begin = time.monotonic()
        done = subprocess.run(argv, capture_output=True, timeout=60, check=False)
        seconds = time.monotonic() - begin
        good = done.returncode == 0 and out.exists() and out.read_bytes() == file.read_bytes()
    size = file.stat().st_size
    return {
        "rate": size / seconds / 1e6 if good else 0.0,
        "seconds": seconds,
        "failed": int(not good),
        "wrong": 0,
    }
