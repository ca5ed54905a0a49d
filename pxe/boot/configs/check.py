"""What a plan's configs may be: checked before the plan is stored."""

import re
from collections.abc import Mapping
from pathlib import Path

from pxe.boot.configs import ignition
from pxe.boot.configs.fill import samples
from pxe.boot.configs.nocloud import SEEDS
from pxe.boot.configs.source import CONFIG_BYTES, read_config
from pxe.errors import PlanError
from pxe.plan import Config, ConfigKind

NAME_BYTES = 120
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*(/[A-Za-z0-9_][A-Za-z0-9._+-]*)*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_configs(configs: tuple[Config, ...]) -> None:
    """Raise PlanError, naming the field, where the configs' words cannot be served. Opens no file."""
    names: dict[str, int] = {}
    for number, config in enumerate(configs):
        where = f"configs[{number}]"
        _check_name(config, where)
        if config.name in names:
            raise PlanError(
                f"{where}: name {config.name!r} is taken by configs[{names[config.name]}]; each needs its own"
            )
        names[config.name] = number
        _check_source(config, where)
        if config.text is not None:
            _check_text(config, config.text, where)


def check_config_sources(configs: tuple[Config, ...], environ: Mapping[str, str]) -> None:
    """Raise PlanError, naming the field, where a config cannot be read, or not be used by its client."""
    for number, config in enumerate(configs):
        if config.text is None:
            where = f"configs[{number}]"
            try:
                content = read_config(config, environ)
            except PlanError as exc:
                raise PlanError(f"{where}: {config.path or config.env}: {exc}") from None
            _check_text(config, content, where)


def _check_name(config: Config, where: str) -> None:
    if not _NAME.fullmatch(config.name) or len(config.name) > NAME_BYTES:
        raise PlanError(
            f"{where}: name {config.name!r}: use letters, digits, '.', '_', '+', '-', folders apart by '/', "
            f"begin each part with a letter, a digit or '_', and stay below {NAME_BYTES} characters"
        )
    if config.kind is ConfigKind.NOCLOUD and config.name.rpartition("/")[2] not in SEEDS:
        raise PlanError(f"{where}: name {config.name!r}: cloud-init asks for {', '.join(SEEDS)} only")


def _check_source(config: Config, where: str) -> None:
    given = [config.path is not None, config.text is not None, config.env is not None]
    if sum(given) != 1:
        raise PlanError(f"{where}: give exactly one of path, text and env")
    if config.secret and config.text is not None:
        raise PlanError(
            f"{where}: a secret is no part of a plan; put it in a file (path) or a variable (env)"
        )
    if config.path is not None and not Path(config.path).is_absolute():
        raise PlanError(f"{where}: path {str(config.path)!r}: write an absolute path")
    if config.env is not None and not _VARIABLE.fullmatch(config.env):
        raise PlanError(f"{where}: env {config.env!r} is no name of an environment variable")


def _check_text(config: Config, content: str, where: str) -> None:
    try:
        size = len(content.encode("utf-8"))
    except UnicodeEncodeError as exc:
        raise PlanError(f"{where}: not valid Unicode at character {exc.start}") from None
    if size > CONFIG_BYTES:
        raise PlanError(f"{where}: {size} bytes; a config has at most {CONFIG_BYTES}")
    if config.kind is ConfigKind.IGNITION:
        try:
            ignition.parse(samples(content))
        except PlanError as exc:
            raise PlanError(f"{where} ({config.name}): {exc}") from None
