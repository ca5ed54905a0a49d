"""Programs of the image: bounded, ended with whoever waits, and no status lost to somebody else."""

import asyncio
import contextlib
import random

import pytest

from lab.refos.guest.linux.command import end, lines, run
from lab.refos.guest.model import PlatformError


def test_what_it_says_and_how_it_fails():
    assert asyncio.run(run(["cat"], stdin=b"hello\n")) == "hello\n"
    with pytest.raises(PlatformError, match="sh failed with 3: one; two"):
        asyncio.run(run(["sh", "-c", "echo one; echo two >&2; exit 3"]))
    with pytest.raises(PlatformError, match=r"/no/such cannot be run: No such file"):
        asyncio.run(run(["/no/such"]))
    with pytest.raises(PlatformError, match=r"sleep did not end in 0\.05 s"):
        asyncio.run(run(["sleep", "1000"], timeout=0.05))


def test_lines_come_as_they_are_said():
    async def story():
        found = [line async for line in lines(["printf", "one\\n\\ntwo\\n"])]
        assert found == ["one", "two"]
        with pytest.raises(PlatformError, match="sh failed with 1: so"):
            async for _ in lines(["sh", "-c", "echo so; exit 1"]):
                pass

    asyncio.run(story())


def test_one_that_nobody_waits_for_any_more_takes_no_status_from_asyncio(caplog):
    """asyncio says "Unknown child process pid" where Popen.poll had the status first."""

    async def story():
        draw = random.Random(1)
        for _ in range(60):
            task = asyncio.ensure_future(run(["true"]))
            await asyncio.sleep(draw.uniform(0.0, 0.006))
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    asyncio.run(story())
    assert not caplog.records


def test_one_that_ended_already_can_be_ended():
    async def story():
        process = await asyncio.create_subprocess_exec("true")
        await process.wait()
        await end(process)
        return process.returncode

    assert asyncio.run(story()) == 0
