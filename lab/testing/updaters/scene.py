"""For tests: a file with everything, and an Omaha server without a socket that is told what nodes send."""

from collections.abc import Sequence
from pathlib import Path

from lab.testing.updaters.flatcar import APP
from lab.updates.changes import Changes
from lab.updates.omaha.group import GroupState
from lab.updates.omaha.instance import Instance
from lab.updates.omaha.ledger import Ledger
from lab.updates.omaha.messages import AppAnswer, AppRequest, EventReport, Package, Request
from lab.updates.settings import App, Channel, OmahaGroup, Payload, Policy

OLD, NEW = "4593.2.4", "4700.1.0"
BEGIN = 1_795_392_000.0  # 2026-11-23 00:00 UTC, a Monday

UPDATES = """\
listen: 127.0.0.1:0
url: http://127.0.0.1:1
state: state
omaha:
  flatcar:
    payloads: [{version: 4700.1.0, file: payloads/update.gz}]
    channels: {stable: {version: 4700.1.0}}
    groups: {stable: {channel: stable, max_concurrent: 5, update_timeout_seconds: 36000}}
cincinnati:
  stable:
    releases:
      - {version: 43.1.3.0, checksums: {aarch64: aa}}
      - {version: 43.2.3.0, checksums: {aarch64: bb}, rollout: {start_percent: 100}}
fleetlock:
  default: {slots: 3}
"""


def write_file(folder: Path) -> Path:
    """Write a file of the update servers with everything in it, and the payload beside it."""
    (folder / "payloads").mkdir()
    (folder / "payloads" / "update.gz").write_bytes(bytes(range(256)) * 40)
    path = folder / "updates.yaml"
    path.write_text(UPDATES)
    return path


class Scene:
    """`at` is always in seconds since BEGIN."""

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        versions: Sequence[str] = (NEW,),
        floors: tuple[str, ...] = (),
        max_nodes: int = 1000,
        board: str = "",
    ) -> None:
        channel = Channel(version=versions[-1], floors=floors)
        group = OmahaGroup(name="stable", channel=channel, policy=policy or Policy())
        other = OmahaGroup(name="beta", channel=channel, policy=Policy())
        payloads = [Payload(version=v, board=board, name=f"{v}.gz", path=Path(v)) for v in versions]
        self.app = App(name="flatcar", id=APP, payloads=tuple(payloads), groups=(group, other))
        self.packages = {
            ("flatcar", p.version, p.board, ""): Package(
                version=p.version, codebase="http://lab/payloads/", name=p.name, size=7, sha1="1", sha256="2"
            )
            for p in payloads
        }
        self.changes = Changes()
        self.ledger = Ledger([self.app], self.packages, self.changes, max_nodes)

    @property
    def group(self) -> GroupState:
        """The group `stable`."""
        return self.ledger.groups["flatcar", "stable"]

    def ask(
        self,
        node: str,
        at: float = 0.0,
        *,
        version: str = OLD,
        event: EventReport | None = None,
        check: bool = True,
        track: str = "stable",
        app: str = APP,
        board: str = "arm64-usr",
        delta_okay: bool = False,
    ) -> AppAnswer:
        """One request of one node."""
        asked = AppRequest(
            id=app,
            version=version,
            track=track,
            machine=node,
            board=board,
            ping=check,
            check=check,
            delta_okay=delta_okay,
            events=() if event is None else (event,),
        )
        (answer,) = self.ledger.handle(Request(protocol="3.0", apps=(asked,)), "10.0.0.1", BEGIN + at)
        return answer

    def says(self, node: str, kind: int, result: int = 1, at: float = 0.0, *, code: int = 0) -> None:
        """An event of its own, as during an update."""
        event = EventReport(type=kind, result=result, code=code)
        self.ask(node, at, event=event, check=False)

    def rebooted(self, node: str, at: float = 0.0, *, version: str = NEW, previous: str = OLD) -> AppAnswer:
        """The first check after the reboot."""
        return self.ask(node, at, version=version, event=EventReport(type=3, result=2, previous=previous))

    def rolled_back(self, node: str, at: float = 0.0) -> AppAnswer:
        """The first check after a reboot into the old version."""
        return self.ask(node, at, event=EventReport(type=3, result=0, code=44 | 1 << 28))

    def instance(self, node: str) -> Instance:
        """What the server knows of it."""
        return self.ledger.instances["flatcar", node]

    def kinds(self) -> list[str]:
        """The kinds of all events so far."""
        return [event.kind for event in self.changes.events]
