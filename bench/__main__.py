"""All measurements, one after the other: `python -m bench`. Each can be run alone: `python -m bench.boot`."""

import subprocess
import sys

PARTS = (
    "tftp",
    "http",
    "pull",
    "rack",
    "dhcp",
    "boot",
    "capture",
    "uboot_command",
    "explain",
    "rollout",
    "results",
    "statistics",
    "updates",
)


def main() -> None:
    """Run every part in a process of its own; a part that fails does not stop the others."""
    failed = [part for part in PARTS if subprocess.run([sys.executable, "-m", f"bench.{part}"]).returncode]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
