"""A matrix file -> `Matrix`; every fault as `file:line`, all of them at once."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from lab.config import Site, load_board_type, load_site
from lab.config.validate import validate
from lab.config.yamlfile import Document, read_yaml
from lab.errors import ConfigError
from lab.matrix import schema
from lab.matrix.cells import Expansion, Pattern, PlaceFacts
from lab.matrix.crosscheck import boards_of, crosscheck, has_uboot
from lab.matrix.model import (
    HealthSettings,
    ImageSpec,
    Mail,
    Matrix,
    Noticed,
    Secret,
    Settings,
    Suite,
    SuiteKind,
    Task,
    Webhook,
)
from lab.model import Place

_SETTINGS = ("boots", "timeout", "retries", "give_up_after")


def read_matrix(path: Path) -> Matrix:
    """Return the matrix that a file describes; paths in it are relative to its folder.

    Raises ConfigError with every fault of the file and of the site file that it names.
    """
    document, base = read_yaml(path), path.absolute().parent
    file = validate(document, schema.MatrixFile)
    site, elsewhere = _site(document, base)
    crosscheck(document, site)
    tasks: tuple[Task, ...] = ()
    left_out: list[str] = []
    if file is not None and site is not None and not document.faults:
        tasks = _tasks(document, file, site, left_out)
    faults = [f"{path}:{line}: {message}" for line, message in sorted(document.faults)] + elsewhere
    if faults:
        raise ConfigError(faults)
    assert file is not None
    return Matrix(
        name=file.name or path.stem,
        file=path,
        lab=base / file.lab,
        tasks=tasks,
        left_out=tuple(left_out),
        pcap=file.pcap,
        emulators=file.emulators or len(os.sched_getaffinity(0)),
        deadline=schema.seconds_of(file.deadline) if file.deadline else None,
        health=_health(file),
        noticed=Noticed(percent=file.noticed.percent, seconds=file.noticed.seconds),
        webhooks=tuple(_webhook(part, base) for part in file.notify.webhooks),
        mails=tuple(_mail(part, base) for part in file.notify.mail),
        always=file.notify.always,
        page=file.notify.page or "",
        digest=hashlib.sha256(json.dumps(document.data, sort_keys=True).encode()).hexdigest(),
    )


def _site(document: Document, base: Path) -> tuple[Site | None, list[str]]:
    """The site that the file names, and the faults of its own file."""
    name = document.data.get("lab") if isinstance(document.data, dict) else None
    if not isinstance(name, str):
        return None, []
    if not (base / name).is_file():
        document.fault(("lab",), f"there is no file {name} (seen from the folder of this file)")
        return None, []
    try:
        return load_site(base / name), []
    except ConfigError as exc:
        return None, exc.faults


def _tasks(document: Document, file: schema.MatrixFile, site: Site, left_out: list[str]) -> tuple[Task, ...]:
    common = _changes(file)
    expansion = Expansion(
        places=tuple(_facts(place) for place in site.places),
        images=tuple(_image(name, part) for name, part in file.images.items()),
        suites=tuple(_suite(name, part) for name, part in file.suites.items()),
        settings_of=lambda suite: Settings(**{**common, **_changes(file.suites[suite.name])}),
        left_out=left_out,
    )
    if file.boards is None:
        chosen = [place.name for place in site.places]
    else:
        chosen = [place for word in file.boards for place in boards_of(site, word)]
    includes = [_pattern(part) for part in file.include]
    excludes = [_pattern(part) for part in file.exclude]
    tasks = expansion.tasks(chosen, includes, excludes)
    for number, sentence in expansion.faults:
        document.fault(("include", number), sentence)
    if not tasks and not expansion.faults:
        why = "; ".join(left_out) or "everything is excluded"
        document.fault(("exclude",) if file.exclude else (), f"no cell is left: {why}")
    return tasks


def _facts(place: Place) -> PlaceFacts:
    board_type = load_board_type(place.board_type)
    return PlaceFacts(
        name=place.name,
        board_type=place.board_type,
        arch=board_type.arch,
        emulated=place.power.kind == "qemu",
        uboot=has_uboot(place.board_type),
    )


def _image(name: str, part: schema.ImageFile) -> ImageSpec:
    plans: dict[str, str] = (
        {"": part.plan} if part.plan is not None else {str(arch): plan for arch, plan in part.plans.items()}
    )
    return ImageSpec(name=name, plans=plans, ready=part.ready or "", seconds=part.seconds)


def _suite(name: str, part: schema.SuiteFile) -> Suite:
    if part.boot is not None:
        return Suite(name=name, kind=SuiteKind.BOOT, method=part.boot.method)
    if part.pytest is not None:
        options = part.pytest.options
        return Suite(name=name, kind=SuiteKind.PYTEST, files=part.pytest.files, options=options)
    assert part.upgrades is not None
    given = {"cuts": part.upgrades.cuts, "classes": part.upgrades.classes, "system": part.upgrades.system}
    words = [word for key, v in given.items() if v is not None for word in (f"--{key}", str(v))]
    system = ImageSpec(name=(part.upgrades.system or "refos").rpartition(":")[2].lower())
    return Suite(name=name, kind=SuiteKind.UPGRADES, options=tuple(words), system=system)


def _changes(part: schema.MatrixFile | schema.SuiteFile | schema.IncludeFile) -> dict[str, Any]:
    """The settings that are given; the others stay as they are."""
    given = {key: value for key in _SETTINGS if (value := getattr(part, key)) is not None}
    return {key: schema.seconds_of(v) if key == "timeout" else v for key, v in given.items()}


def _pattern(part: schema.IncludeFile | schema.ExcludeFile) -> Pattern:
    changes = _changes(part) if isinstance(part, schema.IncludeFile) else {}
    return Pattern(board=part.board, image=part.image, suite=part.suite, changes=changes)


def _health(file: schema.MatrixFile) -> HealthSettings | None:
    if file.health is None:
        return None
    name = file.health.image
    image = None
    if name is not None:
        image = _image(name, file.images.get(name, schema.ImageFile()))
    return HealthSettings(image=image, tries=file.health.tries)


def _secret(part: schema.SecretFile, base: Path) -> Secret:
    return Secret(env=part.env or "", file=base / part.file if part.file is not None else None)


def _webhook(part: schema.WebhookFile, base: Path) -> Webhook:
    url = _secret(part.secret_url, base) if part.secret_url is not None else part.url or ""
    return Webhook(url=url, token=_secret(part.token, base) if part.token is not None else None)


def _mail(part: schema.MailFile, base: Path) -> Mail:
    return Mail(
        server=part.server,
        port=part.port,
        sender=part.sender,
        to=part.to,
        security=part.security,
        user=part.user or "",
        password=_secret(part.password, base) if part.password is not None else None,
    )
