"""Coverage-guided fuzzing by atheris.

usage: tests/fuzz/run.py TARGET [-runs=N] [libFuzzer's options]   (targets: those of fuzz_all.py)

The corpus below tests/fuzz/corpus grows: inputs that reach something new are kept there. Prints how many
inputs and datagrams there were, and how much memory they left behind.
"""

import resource
import sys
import tempfile
from pathlib import Path

import atheris

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parents[1]))
with atheris.instrument_imports(include=["pxe", "lab.updates", "lab.systems.talos"]):
    from fuzz_all import TARGETS
    from fuzz_targets import FORGET, datagrams

WARM = 20_000  # inputs after which memory is expected to stay as it is
MARGIN_KIB = 64 << 10


def rss_kib() -> int:
    """Memory of this process now, in KiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024


class Counting:
    """Runs a target, counts, and looks at the memory."""

    def __init__(self, name: str, folder: Path, runs: int) -> None:
        self.target = TARGETS[name](folder)
        self.runs = runs
        self.inputs = self.datagrams = self.warm_kib = 0

    def __call__(self, data: bytes) -> None:
        self.inputs += 1
        self.datagrams += sum(1 for _ in datagrams(data))
        self.target(data)
        if self.inputs % FORGET == 0:
            self.target.forget()
        if self.inputs == min(WARM, self.runs // 3):
            self.warm_kib = rss_kib()
        if self.inputs == self.runs:
            self.report()  # libFuzzer ends the process itself: nothing of ours is called then

    def report(self) -> None:
        """Say it, at the end."""
        print(f"fuzzed: {self.inputs} inputs, {self.datagrams} datagrams", flush=True)
        if self.warm_kib:
            grown = rss_kib() - self.warm_kib
            print(f"memory: {self.warm_kib} KiB when warm, {grown:+} KiB since", flush=True)
            assert grown < MARGIN_KIB, "memory grows"


def main() -> None:
    """Fuzz until the number of runs is reached."""
    name, *options = sys.argv[1:]
    corpus = HERE / "corpus" / name
    with tempfile.TemporaryDirectory() as folder:
        runs = next((int(o.removeprefix("-runs=")) for o in options if o.startswith("-runs=")), 0)
        counting = Counting(name, Path(folder), runs)
        atheris.Setup([sys.argv[0], *options, "-max_len=2048", str(corpus)], counting)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
