"""Board types: `boards/<family>/<model>/board.yaml`, known as `<family>-<model>`."""

from functools import cache
from importlib import resources
from pathlib import Path

from lab.config.schema import BoardFile
from lab.config.validate import validate
from lab.config.yamlfile import read_yaml
from lab.errors import ConfigError
from lab.model import BoardType, MilestoneRule, Source, UbootTraits


@cache
def board_type_files() -> dict[str, Path]:
    """Return the file of every board type, by name."""
    root = Path(str(resources.files("boards")))
    files = sorted(root.glob("*/*/board.yaml"))
    return {f"{file.parent.parent.name}-{file.parent.name}": file for file in files}


def load_board_type(name: str) -> BoardType:
    """Return a board type. Raises ConfigError: there is none of that name, or the faults of its file."""
    files = board_type_files()
    if name not in files:
        raise ConfigError([f"there is no board type {name!r}; there are {', '.join(files)}"])
    return read_board_type(name, files[name])


def read_board_type(name: str, path: Path) -> BoardType:
    """Return the board type that a file describes. Raises ConfigError with all its faults."""
    document = read_yaml(path)
    file = validate(document, BoardFile)
    if file is not None:
        known = {rule.name for rule in file.milestones}
        for milestone in file.deadlines:
            if milestone not in known:
                document.fault(("deadlines", milestone), f"is no milestone; there are {', '.join(known)}")
    document.raise_faults()
    assert file is not None
    return BoardType(
        name=name,
        arch=file.arch,
        title=file.title,
        uboot=UbootTraits(**file.uboot.model_dump()),
        milestones=tuple(
            MilestoneRule(rule.name, Source(rule.source), rule.pattern, rule.title)
            for rule in file.milestones
        ),
        deadlines=dict(file.deadlines),
        compatible=file.compatible,
        console_args=file.console_args,
        fdt_address=file.fdt_address,
        qemu=file.qemu.model_dump() if file.qemu else {},
    )
