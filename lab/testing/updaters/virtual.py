"""Drives clients in virtual time against the servers' own code: no socket, days in seconds, repeatable."""

import heapq
from collections.abc import Iterable

from lab.testing.updaters.steps import Answer, Ask, Life, Wait
from lab.updates.router import Asked, Router
from lab.updates.store import Store

_BATCH = 500  # requests that share a transaction


def run(lives: Iterable[Life], router: Router, store: Store, begin: float, seconds: float) -> int:
    """Let them live so long, from `begin` (seconds since 1970) on; returns how many requests there were."""
    queue: list[tuple[float, int, Life]] = [(begin, number, life) for number, life in enumerate(lives)]
    heapq.heapify(queue)
    requests, second = 0, begin
    while queue and queue[0][0] < begin + seconds:
        now, number, life = heapq.heappop(queue)
        if now >= second + 1:  # the server's own clock
            second = now
            router.state.tick(now)
        answer: Answer | None = None
        try:
            while True:
                step = life.send(answer)
                if isinstance(step, Wait):
                    heapq.heappush(queue, (now + step.seconds, number, life))
                    break
                answer = _ask(router, step, now)
                requests += 1
        except StopIteration:
            pass
        if requests % _BATCH == 0:
            store.save([router.state.changes.take()])
    store.save([router.state.changes.take()])
    return requests


def _ask(router: Router, step: Ask, now: float) -> Answer:
    path, _, query = step.path.partition("?")
    asked = Asked(step.method, path, step.body, query.encode(), b"true" if step.lock else None, "192.0.2.1")
    answer = router.answer(asked, now)
    return Answer(answer.status, answer.body)
