"""A node of Fedora CoreOS: Zincati with strategy fleet_lock, and deployments of which the newest is booted.

Source: src/{update_agent,cincinnati,fleet_lock,identity} of coreos/zincati. There is no automatic rollback: a
node whose new version does not boot is put back by hand, and then leaves that version alone (its deny list).
"""

import json
import random
from collections.abc import Generator
from typing import Any
from urllib.parse import urlencode

from lab.testing.updaters.steps import NEVER, Answer, Ask, Chances, Life, Wait, Witness

_STEADY, _REFRESH, _JITTER = 300.0, 300.0, 0.1
_AGE = "org.fedoraproject.coreos.releases.age_index"


class CoreOs:
    """One node. `life` ends where it is lost."""

    def __init__(
        self, number: int, version: str, payload: str, group: str, witness: Witness,
        chances: Chances = NEVER, *, stream: str = "stable", basearch: str = "aarch64",
        deploy_seconds: float = 60.0, boot_seconds: float = 40.0,
    ) -> None:  # fmt: skip
        self.id = f"{number:032x}"
        self.version, self.payload = version, payload
        self.group, self.stream, self.basearch = group, stream, basearch
        self.denied: set[str] = set()
        self._witness, self._chances = witness, chances
        self._label = f"fleetlock/{group}"
        self._rng = random.Random(number)
        self._deploy_seconds, self._boot_seconds = deploy_seconds, boot_seconds

    def life(self) -> Life:
        """Report steady, look for updates, lock, reboot, without end."""
        yield Wait(self._rng.uniform(0, 60))
        while True:
            yield from self._until_ok("/v1/steady-state")
            target = yield from self._find()
            yield Wait(self._deploy_seconds)
            yield from self._until_ok("/v1/pre-reboot")
            self._witness.begin(self._label, self.id)
            if self._rng.random() < self._chances.lost:
                self._witness.count("lost")
                self._witness.end(self._label, self.id)
                return
            yield Wait(self._boot_seconds)
            if self._rng.random() < self._chances.boot:
                self._witness.count("put back by hand")
                self.denied.add(target["payload"])
                yield Wait(2 * self._boot_seconds)
            else:
                self._witness.count("updated")
                self.version, self.payload = target["version"], target["payload"]
            self._witness.end(self._label, self.id)

    def _until_ok(self, path: str) -> Generator[Ask | Wait, Answer | None, None]:
        body = json.dumps({"client_params": {"id": self.id, "group": self.group}}).encode()
        while True:
            answer = yield Ask("POST", path, body, lock=True)
            if answer is not None and answer.status == 200:
                return
            self._witness.count(f"refused {path}")
            yield self._pause(_REFRESH)

    def _find(self) -> Generator[Ask | Wait, Answer | None, dict[str, Any]]:
        while True:
            query = {
                "basearch": self.basearch,
                "os_version": self.version,
                "group": self.group,
                "node_uuid": self.id,
                "platform": "metal",
                "stream": self.stream,
                "os_checksum": self.payload,
            }
            self._witness.count("checks")
            answer = yield Ask("GET", "/v1/graph?" + urlencode(query))
            if answer is not None and answer.status == 200:
                found = self._newest(json.loads(answer.body))
                if found is not None:
                    return found
            yield self._pause(_STEADY)

    def _newest(self, graph: dict[str, Any]) -> dict[str, Any] | None:
        """cincinnati::find_update: the newest of those that edges lead to, not denied, no downgrade."""
        nodes = graph["nodes"]
        here = next((n for n, node in enumerate(nodes) if node["payload"] == self.payload), None)
        if here is None:
            return None
        able = [nodes[to] for start, to in graph["edges"] if start == here]
        able = [node for node in able if node["payload"] not in self.denied]
        found: dict[str, Any] | None = max(able, key=_age, default=None)
        return found if found is not None and _age(found) > _age(nodes[here]) else None

    def _pause(self, seconds: float) -> Wait:
        return Wait(seconds * (1 + self._rng.uniform(0, _JITTER)))


def _age(node: dict[str, Any]) -> int:
    return int(node["metadata"][_AGE])
