"""What a node reports of its update -> its status, its slot, and the record."""

from typing import ClassVar

from lab.updates.changes import Changes
from lab.updates.kinds import Kind
from lab.updates.omaha import codes
from lab.updates.omaha.group import GroupState
from lab.updates.omaha.instance import Instance, Status
from lab.updates.omaha.messages import EventReport
from lab.updates.versions import older

_STEPS = {
    (codes.DOWNLOAD_STARTED, codes.SUCCESS): (Status.DOWNLOADING, Kind.DOWNLOADING),
    (codes.DOWNLOAD_FINISHED, codes.SUCCESS): (Status.DOWNLOADED, Kind.DOWNLOADED),
    (codes.COMPLETE, codes.SUCCESS): (Status.INSTALLED, Kind.INSTALLED),
    (codes.INSTALLED, codes.SUCCESS): (Status.INSTALLED, Kind.INSTALLED),
}
# update_engine sends "complete after reboot" with its first check after every start; without a real previous
# version it means nothing (0.0.0.0: a new installation)
_NO_VERSION = ("", "0.0.0.0")


class Events:
    """Applies reports and timeouts to nodes."""

    OPEN: ClassVar = frozenset((Status.GRANTED, Status.DOWNLOADING, Status.DOWNLOADED, Status.INSTALLED))

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    def apply(self, instance: Instance, group: GroupState, report: EventReport, now: float) -> None:
        """Take in one <event>. What does not fit the node's state changes nothing."""
        step = _STEPS.get((report.type, report.result))
        if step is not None:
            status, kind = step
            if instance.status in self.OPEN and instance.status != status:
                instance.status = status
                self._tell(instance, group, kind, now)
        elif (report.type, report.result) == (codes.COMPLETE, codes.SUCCESS_REBOOT):
            if report.previous not in _NO_VERSION:
                self._complete(instance, group, report.previous, now)
        elif report.result == codes.ERROR:
            self._failed(instance, group, report.code, now)

    def arrived(self, instance: Instance, group: GroupState, now: float) -> None:
        """The node asks for updates: if it runs what it was granted, or more, it is through."""
        if instance.status in self.OPEN:
            self._complete(instance, group, "", now)

    def time_out(self, instance: Instance, group: GroupState, now: float) -> None:
        """The update took too long: others may go on."""
        group.give(instance.node)
        instance.status = Status.TIMED_OUT
        instance.why = "not heard of within the update timeout"
        after = round(now - instance.granted, 3)
        self._tell(instance, group, Kind.TIMED_OUT, now, after=after)
        self._stop_unproven(instance, group, f"{instance.node} did not come back", now)

    def _complete(self, instance: Instance, group: GroupState, former: str, now: float) -> None:
        if not instance.target or instance.status == Status.COMPLETE:
            return  # not our update; the version it runs is noted all the same
        if older(instance.version, instance.target):
            return
        group.give(instance.node)
        group.proven.add(instance.target)
        instance.status, instance.why, instance.failures = Status.COMPLETE, "", 0
        self._tell(instance, group, Kind.COMPLETE, now, of=former)

    def _failed(self, instance: Instance, group: GroupState, code: int, now: float) -> None:
        if instance.status not in self.OPEN and instance.status != Status.TIMED_OUT:
            return  # a failure of no update of ours, and a node may send them without end
        read = codes.read_code(code)
        kind = Kind.ROLLED_BACK if read.base == codes.ROLLBACK else Kind.FAILED
        group.give(instance.node)
        instance.status, instance.why = Status.FAILED, read.words
        instance.failures += 1
        self._tell(instance, group, kind, now, code=code, words=read.words)
        self._stop_unproven(instance, group, f"{instance.node}: {read.words}", now)

    def _stop_unproven(self, instance: Instance, group: GroupState, reason: str, now: float) -> None:
        """Safe mode: nobody follows where the first one failed."""
        if group.settings.policy.safe_mode and instance.target not in group.proven and not group.paused:
            group.paused = f"safe mode: {instance.target} failed on the first node, {reason}"
            self._changes.put("controls", (group.label,), (group.label, group.paused, now))
            self._changes.tell(now, group.label, "", Kind.PAUSED, reason=group.paused)

    def _tell(
        self, instance: Instance, group: GroupState, kind: Kind, now: float, **more: str | int | float
    ) -> None:
        self._changes.tell(now, group.label, instance.node, kind, version=instance.target, **more)
