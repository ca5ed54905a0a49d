"""The Omaha server's decisions: a request and a time in, answers out; what changed is in `changes`."""

from collections.abc import Mapping, Sequence

from lab.updates.changes import Changes
from lab.updates.kinds import Kind
from lab.updates.omaha.events import Events
from lab.updates.omaha.group import GroupState
from lab.updates.omaha.instance import TABLE, Instance, Status
from lab.updates.omaha.messages import AppAnswer, AppRequest, Package, Request
from lab.updates.settings import App, Channel
from lab.updates.versions import older

Packages = Mapping[tuple[str, str, str, str], Package]  # (app, version, board, version it is a delta from)


class Ledger:
    """All applications, their groups and their nodes. One owner; every call is one indivisible decision."""

    def __init__(self, apps: Sequence[App], packages: Packages, changes: Changes, max_nodes: int) -> None:
        self._apps = {_plain(app.id): app for app in apps}
        self._packages = packages
        self._changes = changes
        self._max_nodes = max_nodes
        self.instances: dict[tuple[str, ...], Instance] = {}
        self.groups = {
            (app.name, group.name): GroupState(app.name, group) for app in apps for group in app.groups
        }
        self._events = Events(changes)

    def load(self, instances: Sequence[Instance], grants: Sequence[tuple[str, float]]) -> None:
        """Take in what was stored: nodes in any order, grants as (label of the group, when) in order of time.

        A node whose group is no longer in the settings keeps its row and has no slot.
        """
        self.instances = {instance.key: instance for instance in instances}
        for instance in sorted(instances, key=lambda instance: instance.granted):
            group = self.groups.get((instance.app, instance.group))
            if group is None:
                continue
            if instance.status in Events.OPEN:
                group.slots[instance.node] = instance.granted
            if instance.status == Status.COMPLETE and instance.version == instance.target:
                group.proven.add(instance.target)
        labels = {group.label: group for group in self.groups.values()}
        for label, granted in grants:
            if label in labels:
                labels[label].remember(granted)

    def handle(self, request: Request, address: str, now: float) -> list[AppAnswer]:
        """Decide on a request. `address`: where it came from, for people."""
        return [self._app(asked, address, now) for asked in request.apps]

    def expire(self, now: float) -> None:
        """Give back the slots of updates that took too long."""
        for (app, _), group in self.groups.items():
            self._expire(app, group, now)

    def forget(self, before: float) -> None:
        """Drop nodes that were not heard of since `before` and have no slot."""
        for instance in [i for i in self.instances.values() if i.last_seen < before]:
            if instance.status not in Events.OPEN:
                del self.instances[instance.key]
                self._changes.put(TABLE, instance.key, None)

    def release(self, app: str, node: str) -> bool:
        """Let a node that is held be offered updates again; False where there is no such node."""
        instance = self.instances.get((app, node))
        if instance is None:
            return False
        instance.failures = 0
        if instance.status == Status.HELD:
            instance.status, instance.why = Status.IDLE, ""
        self._changes.put(TABLE, instance.key, instance.row())
        return True

    def _app(self, asked: AppRequest, address: str, now: float) -> AppAnswer:
        app = self._apps.get(_plain(asked.id))
        if app is None:
            return _refused(asked, "error-unknownApplication")
        group = self.groups.get((app.name, asked.track))
        if group is None:
            return _refused(asked, "error-unknownApplicationOrGroup")
        instance = self._instance(app, asked.machine)
        if instance is None:
            return _refused(asked, "error-instanceRegistrationFailed")
        self._expire(app.name, group, now)
        self._meet(instance, group, asked, address, now)
        for report in asked.events:
            self._events.apply(instance, group, report, now)
        if asked.check:
            self._events.arrived(instance, group, now)
        package, why = self._decide(app, group, instance, asked, now) if asked.check else (None, "")
        self._changes.put(TABLE, instance.key, instance.row())
        return AppAnswer(
            id=asked.id,
            ping=asked.ping,
            events=len(asked.events),
            # A refusal is no error: update_engine would report "error-..." as failure 34 of its own
            check="" if not asked.check else "noupdate" if package is None else "ok",
            why=why,
            package=package,
            poll_interval=group.settings.policy.poll_interval_seconds,
        )

    def _instance(self, app: App, node: str) -> Instance | None:
        key = app.name, node
        found = self.instances.get(key)
        if found is None and node and len(self.instances) < self._max_nodes:
            found = self.instances[key] = Instance(*key)
        return found

    def _meet(
        self, instance: Instance, group: GroupState, asked: AppRequest, address: str, now: float
    ) -> None:
        """Take in what the node says of itself."""
        name = group.settings.name
        former = self.groups.get((instance.app, instance.group))
        if instance.group != name and former is not None and former.give(instance.node):
            instance.status = Status.IDLE
            self._changes.tell(now, former.label, instance.node, Kind.LEFT, version=instance.target, to=name)
        instance.group = name
        instance.board, instance.alias = asked.board, asked.alias
        instance.version, instance.address, instance.last_seen = asked.version, address, now
        instance.first_seen = instance.first_seen or now

    def _expire(self, app: str, group: GroupState, now: float) -> None:
        for node in group.run_out(now):
            instance = self.instances[app, node]
            self._events.time_out(instance, group, now)
            self._changes.put(TABLE, instance.key, instance.row())

    def _decide(
        self, app: App, group: GroupState, instance: Instance, asked: AppRequest, now: float
    ) -> tuple[Package | None, str]:
        """The package that the node shall install now, or None and why."""
        version = next_version(group.settings.channel, asked.version)
        if version is None:
            if instance.status in (Status.WAITING, Status.HELD):
                instance.status, instance.why = Status.IDLE, ""
            return None, "up to date"
        package = self._package(app, version, asked)
        if package is None:
            instance.status, instance.why = Status.WAITING, f"no payload of {version} for {asked.board}"
            return None, instance.why
        if instance.node in group.slots:
            return self._again(group, instance, package, now), ""
        policy = group.settings.policy
        if instance.failures >= policy.max_failures and instance.target == version:
            if instance.status != Status.HELD:
                self._changes.tell(
                    now, group.label, instance.node, Kind.HELD, version=version, failures=instance.failures
                )
            instance.status, instance.why = Status.HELD, f"{version} failed {instance.failures} times"
            return None, instance.why
        refusal = group.refusal(version, now)
        if refusal is not None:
            instance.status, instance.why = Status.WAITING, refusal
            return None, refusal
        self._grant(group, instance, version, now)
        return package, ""

    def _grant(self, group: GroupState, instance: Instance, version: str, now: float) -> None:
        group.take(instance.node, now)
        if instance.target != version:
            instance.failures = 0
        instance.status, instance.why = Status.GRANTED, ""
        instance.target, instance.granted = version, now
        self._changes.tell(
            now, group.label, instance.node, Kind.GRANTED, version=version, of=instance.version
        )

    def _again(self, group: GroupState, instance: Instance, package: Package, now: float) -> Package:
        """A node with a slot asks again (it was switched off meanwhile): the same slot, and no new time."""
        if instance.target != package.version:
            instance.target, instance.failures = package.version, 0
            self._changes.tell(now, group.label, instance.node, Kind.RETARGETED, version=package.version)
        instance.status = Status.GRANTED
        return package

    def _package(self, app: App, version: str, asked: AppRequest) -> Package | None:
        deltas = (asked.version, "") if asked.delta_okay else ("",)
        for delta in deltas:
            for board in (asked.board, ""):
                found = self._packages.get((app.name, version, board, delta))
                if found is not None:
                    return found
        return None


def next_version(channel: Channel, running: str) -> str | None:
    """The version that follows `running` in a channel: its floors first, then what it offers; None: none."""
    for version in (*channel.floors, channel.version):
        if older(running, version):
            return version
    return None


def _plain(app_id: str) -> str:
    """Ids are compared without case and braces: nodes send braces, other servers' files have none."""
    return app_id.strip("{}").lower()


def _refused(asked: AppRequest, status: str) -> AppAnswer:
    check = "error-internal" if asked.check else ""
    return AppAnswer(
        id=asked.id, status=status, ping=asked.ping, events=len(asked.events), check=check, why=status
    )
