"""`configs` of a plan in the site file -> `pxe.plan.Config`."""

from pathlib import Path

from lab.config import schema
from lab.config.butane import butane_config
from lab.config.yamlfile import Document
from pxe.boot.configs.check import check_configs
from pxe.errors import PlanError
from pxe.plan import BootPlan, Config, ConfigKind


def config_of(part: schema.ConfigFile, base: Path) -> Config:
    """Return the config; a relative file is seen from `base`. It is read when a machine asks, not now.

    But for Butane, which is translated now. Raises ConfigError where it has faults.
    """
    if part.kind == "butane":
        return butane_config(part, base)
    return Config(
        kind=ConfigKind(part.kind),
        name=part.name or (Path(part.file).name if part.file is not None else ""),
        path=base / part.file if part.file is not None else None,
        text=part.text,
        env=part.env,
        secret=part.secret,
    )


def check_plan_configs(document: Document, plan: BootPlan) -> None:
    """Note the faults of a plan's configs. Whether a variable is set matters where it is served, not here."""
    try:
        check_configs(plan.configs)
    except PlanError as exc:
        document.fault(("plans", plan.name, "configs"), str(exc))
    for number, config in enumerate(plan.configs):
        if config.path is not None and not config.path.is_file():
            where = ("plans", plan.name, "configs", number, "file")
            document.fault(where, f"there is no file {config.path}")
