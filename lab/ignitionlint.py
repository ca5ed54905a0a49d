"""What Ignition's own checker says of a plan's configs, where it is installed (Debian: package ignition).

The boot service has a check of its own, stricter and for newer specs; this is a second opinion, and warnings.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator

from pxe.boot.configs.fill import samples
from pxe.boot.configs.ignition import Ignition, converted, parse
from pxe.boot.configs.source import read_config
from pxe.errors import PlanError, RequestRefused
from pxe.plan import Config, ConfigKind

PROGRAM = "ignition-validate"
_LINE = re.compile(r"(?P<verdict>warning|error) at \$\.(?P<where>\S+), line \d+ col \d+: (?P<words>.*)")
_NUMBER = re.compile(r"\.(\d+)(?=\.|$)")
_SECONDS = 20.0


def lint_configs(configs: Iterable[Config]) -> Iterator[str]:
    """Yield sentences like `configs[0] (node.ign): storage.files[0].mode: ...`; none without the program.

    What cannot be read here (another host's file, a variable of the service) is passed over.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        return
    for number, config in enumerate(configs):
        if config.kind is not ConfigKind.IGNITION:
            continue
        try:
            found = lint(program, read_config(config, os.environ))
        except PlanError:
            continue
        for sentence in found:
            yield f"configs[{number}] ({config.name}): {PROGRAM}: {sentence}"


def lint(program: str, text: str) -> tuple[str, ...]:
    """Return what the program says, of the config in the newest spec that it and the config allow.

    Raises PlanError where the text is no config of spec 3 at all.
    """
    config = parse(samples(text))
    for minor in range(config.minor, -1, -1):
        try:
            status, said = _run(program, converted(config, (3, minor)))
        except (RequestRefused, OSError, subprocess.TimeoutExpired):
            return ()  # what the config needs, it does not know
        if "unsupported config version" not in said:
            found = tuple(_sentence(line) for line in said.splitlines() if line.strip())
            return found or (("refuses it without a word",) if status else ())
    return ()


def _run(program: str, config: Ignition) -> tuple[int, str]:
    done = subprocess.run(
        [program, "-"], input=config.text(), capture_output=True, text=True, timeout=_SECONDS
    )
    return done.returncode, done.stdout + done.stderr


def _sentence(line: str) -> str:
    """`warning at $.storage.files.0.mode, line 1 col 73: ...` -> `storage.files[0].mode: ...`."""
    match = _LINE.fullmatch(line.strip())
    if match is None:
        return line.strip()
    where = _NUMBER.sub(r"[\1]", match["where"])
    return f"{where}: {match['words']}"
