"""The update servers' YAML file -> `Settings`; every fault as `file:line`, all of them at once."""

import itertools
import re
from datetime import datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

from lab.config.validate import validate
from lab.config.yamlfile import Document, KeyPath, read_yaml
from lab.updates import schema, settings
from lab.updates.settings import Policy, Settings
from lab.updates.versions import older

_IN_URLS = re.compile(r"[A-Za-z0-9._+-]+")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def read_settings(path: Path) -> Settings:
    """Return what a file describes; paths in it are relative to its folder. Raises ConfigError."""
    document, base = read_yaml(path), path.absolute().parent
    file = validate(document, schema.UpdatesFile)
    document.raise_faults()
    assert file is not None
    _crosscheck(document, file, base)
    document.raise_faults()
    address, _, port = file.listen.rpartition(":")
    return Settings(
        address=address.strip("[]"),
        port=int(port),
        url=(file.url or f"http://{file.listen}").rstrip("/"),
        state=base / file.state,
        apps=tuple(_app(name, app, base) for name, app in file.omaha.items()),
        streams=tuple(_stream(name, stream) for name, stream in file.cincinnati.items()),
        locks=tuple(_locks(name, group) for name, group in file.fleetlock.items()),
        max_nodes=file.max_nodes,
        keep_events=file.keep_events,
        forget_seconds=file.forget_days * 86_400,
    )


def _crosscheck(document: Document, file: schema.UpdatesFile, base: Path) -> None:
    """What no single field can know."""
    if file.listen.endswith(":0") and file.url is None:
        document.fault(("listen",), "port 0 is any free one; nodes then need a `url`")
    ids: dict[str, str] = {}
    for name, app in file.omaha.items():
        if ids.setdefault(app.id.lower(), name) != name:
            document.fault(("omaha", name), f"{ids[app.id.lower()]} has the same id {app.id}")
        _check_app(document, ("omaha", name), app, base)
    for name, stream in file.cincinnati.items():
        _check_stream(document, ("cincinnati", name, "releases"), stream)


def _check_app(document: Document, where: KeyPath, app: schema.AppFile, base: Path) -> None:
    _check_payloads(document, where, app, base)
    have = {payload.version for payload in app.payloads}
    for name, channel in app.channels.items():
        path = (*channel.floors, channel.version)
        for version in path:
            if version not in have:
                document.fault((*where, "channels", name), f"there is no payload of {version}")
        for one, other in itertools.pairwise(path):
            if not older(one, other):
                document.fault((*where, "channels", name), f"{one} does not come before {other}")
    for name, group in app.groups.items():
        if group.channel not in app.channels:
            known = ", ".join(app.channels) or "none"
            document.fault(
                (*where, "groups", name, "channel"), f"no channel {group.channel!r}; there are {known}"
            )


def _check_payloads(document: Document, where: KeyPath, app: schema.AppFile, base: Path) -> None:
    names: set[str] = set()
    for number, payload in enumerate(app.payloads):
        here, name = (*where, "payloads", number), payload_name(payload)
        if name in names:
            document.fault(here, f"{name} is there twice")
        names.add(name)
        if not (base / payload.file).is_file():
            document.fault((*here, "file"), f"{payload.file}: no such file")
        elif not _IN_URLS.fullmatch(Path(payload.file).name):
            document.fault(
                (*here, "file"), f"{payload.file}: URLs want letters, digits, '.', '_', '+' and '-'"
            )


def _check_stream(document: Document, where: KeyPath, stream: schema.StreamFile) -> None:
    versions: set[str] = set()
    for number, release in enumerate(stream.releases):
        if release.version in versions:
            document.fault((*where, number), f"{release.version} is there twice")
        versions.add(release.version)
        if not release.checksums and not release.images:
            document.fault((*where, number), f"{release.version} has neither checksums nor images")


def payload_name(payload: schema.PayloadFile) -> str:
    """What clients ask for."""
    parts = [payload.board or "any", payload.version]
    if payload.delta_from is not None:
        parts += ["from", payload.delta_from]
    return "-".join([*parts, Path(payload.file).name])


def _app(name: str, app: schema.AppFile, base: Path) -> settings.App:
    channels = {
        key: settings.Channel(version=part.version, floors=part.floors) for key, part in app.channels.items()
    }
    return settings.App(
        name=name,
        id=app.id,
        payloads=tuple(
            settings.Payload(
                version=part.version,
                board=part.board,
                name=payload_name(part),
                path=base / part.file,
                delta_from=part.delta_from or "",
            )
            for part in app.payloads
        ),
        groups=tuple(
            settings.OmahaGroup(name=key, channel=channels[part.channel], policy=_policy(part))
            for key, part in app.groups.items()
        ),
    )


def _policy(part: schema.GroupFile) -> Policy:
    hours = None
    if part.office_hours is not None:
        hours = settings.OfficeHours(
            timezone=ZoneInfo(part.office_hours.timezone),
            days=frozenset(_DAYS.index(day) for day in part.office_hours.days),
            begin=time.fromisoformat(part.office_hours.begin),
            end=time.fromisoformat(part.office_hours.end),
        )
    said = part.model_dump(exclude={"channel", "office_hours"})
    return Policy(**said, office_hours=hours)


def _stream(name: str, stream: schema.StreamFile) -> settings.Stream:
    return settings.Stream(name=name, releases=tuple(_release(part) for part in stream.releases))


def _release(part: schema.ReleaseFile) -> settings.Release:
    rollout = None
    if part.rollout is not None:
        rollout = settings.Rollout(
            start=int(datetime.fromisoformat(part.rollout.start).timestamp()),
            share=part.rollout.start_percent / 100,
            minutes=part.rollout.minutes,
        )
    return settings.Release(
        version=part.version,
        checksums=dict(part.checksums),
        images=dict(part.images),
        rollout=rollout,
        barrier=part.barrier,
        deadend=part.deadend,
    )


def _locks(name: str, part: schema.LockGroupFile) -> settings.LockGroup:
    said = part.model_dump(exclude={"health_url"})
    return settings.LockGroup(name=name, health_url=part.health_url or "", **said)
