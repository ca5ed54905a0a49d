"""A fleet of simulated nodes in the event loop of a test."""

import pytest
import uvloop

from lab.machineconfig import load
from lab.testing.nodes.behaviour import Behaviour
from lab.testing.nodes.scene import scene


@pytest.fixture
def with_fleet(tmp_path):
    """Run a coroutine function with a scene: `with_fleet(work, count, faults by name)`."""

    def run(work, count, named=None, read_config=load):
        async def inside():
            behaviour = Behaviour(named=named or {}, reboot_seconds=(0, 0), write_seconds=(0, 0))
            async with scene(tmp_path, count, behaviour, read_config) as found:
                return await work(found)

        return uvloop.run(inside())

    return run
