"""Two nights for real: three emulated boards by two images by two suites, ten boots each; in the second night
one image is slower on one board, one fails on another, and one place is sick. The webhook and the mail have
to name exactly these three.

    make night                                    a loader's scripts as images: about 15 minutes
    python tests/hil/night_twice.py --linux       a real kernel: an hour and more on two cores

Not collected by pytest: it is run by hand.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from lab.testing.nights import Faults, NightLab
from lab.testing.receivers import Hook, Mailbox, mailbox, webhook

PLACES = {"arm1": "qemu-virt-arm64", "pc1": "x86-q35-bios", "pc2": "x86-q35-bios"}
FAULTS = Faults(slow=("alpha", "arm64"), broken=("beta", "x86_64"), sick="pc2")
WANTED = {("slower", "arm1", "alpha"), ("failing", "pc1", "beta"), ("sick", "pc2", "")}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--boots", type=int, default=10)
    parser.add_argument("--linux", action="store_true", help="boot a real kernel")
    parser.add_argument("--folder", type=Path, help="where the lab and its results are kept")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="bootlab-night-"))
    with webhook() as hook, mailbox() as box:
        lab = NightLab(
            folder=folder,
            places=PLACES,
            boots=options.boots,
            linux=options.linux,
            hook=hook.url,
            mail=box.port,
        )
        lab.write()
        status = [_night(lab)]
        lab.with_faults(FAULTS).write()
        status.append(_night(lab))
        return _judge(status, hook, box, folder)


def _night(lab: NightLab) -> int:
    print(f"--- a night of {lab.matrix}", flush=True)
    return subprocess.run(
        [sys.executable, "-m", "lab", "matrix", "run", str(lab.matrix)], check=False
    ).returncode


def _judge(status: list[int], hook: Hook, box: Mailbox, folder: Path) -> int:
    first, second = hook.documents
    told = {(change["kind"], change["place"], change["image"]) for change in second["changes"]}
    faults = []
    if status != [0, 1]:
        faults.append(f"exit codes {status}, not 0 and 1")
    if first["changes"]:
        faults.append(f"the first night tells of {first['changes']}")
    if told != WANTED or len(second["changes"]) != len(WANTED):
        faults.append(f"the second night tells of {sorted(told)}, not of {sorted(WANTED)}")
    for journal in folder.glob("results/nights/*/night.jsonl"):
        ends = [line for line in map(json.loads, journal.read_text().splitlines()) if line["what"] == "end"]
        shares = ends[-1]["overhead"]
        print(f"the scheduler's share of the boots' time: {shares}")
        faults += [
            f"the scheduler took {share:.1%} on {place}" for place, share in shares.items() if share > 0.02
        ]
    letters = [letter.get_content() for letter in box.letters]
    if len(letters) != 2 or "pc2 is sick" not in letters[1]:
        faults.append(f"{len(letters)} letters, not 2 of which the second names the sick place")
    print("\n--- the letter of the second night")
    print("Subject:", box.letters[-1]["Subject"])
    print(letters[-1])
    print(f"--- kept in {folder}")
    print("\n".join(faults) or "the notifications name exactly the three that were injected")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
