"""A system extension in a netbooted Debian with real systemd 252: fetched from us, merged, used, timed.

`make systems` runs it. What is timed is from the request for the image until a program of it runs.
"""

import asyncio
import os
import re
import time

import pytest

from lab.clients.ssh import SshNode
from lab.errors import InfrastructureError
from lab.systems.sysext import Release, build, source_of
from lab.testing.debianguest.boot import Wish, booted_guest
from pxe.events import TransferEnded
from pxe.plan import Asset

pytestmark = pytest.mark.hil

FETCH = "import sys, urllib.request; urllib.request.urlretrieve(sys.argv[1], sys.argv[2])"
RELEASE = "/usr/lib/extension-release.d/extension-release.hello"


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("extensions")
    (folder / "data").write_bytes(os.urandom(8 << 20))
    tool = folder / "hello"
    tool.write_text("#!/bin/sh\necho hello of an extension\n")
    tool.chmod(0o755)
    sources = [source_of(f"{tool}:/usr/bin/hello"), source_of(f"{folder / 'data'}:/usr/share/hello/data")]
    made = {"hello": Release(id="debian", version_id="12"), "other": Release(id="flatcar", level="1.0")}
    for name, release in made.items():
        build(name, release, sources, folder / f"{name}.raw")
    return folder


async def used(guest, url):
    """What the host said of each image, and how long it took until the program ran."""
    async with SshNode(guest.login, guest.trust) as node:
        await node.check(["mkdir", "-p", "/etc/extensions"], root=True)
        before = (await node.run(["hello"])).status
        begin = time.monotonic()
        await node.check(["python3", "-c", FETCH, f"{url}/hello.raw", "/etc/extensions/hello.raw"], root=True)
        await node.check(["systemd-sysext", "refresh"], root=True)
        said = (await node.check(["hello"])).text
        seconds = time.monotonic() - begin
        await node.check(["python3", "-c", FETCH, f"{url}/other.raw", "/etc/extensions/other.raw"], root=True)
        ignored = await node.run(["systemd-sysext", "refresh"], root=True)
        status = (await node.check(["systemd-sysext", "status", "--no-pager"])).text
        release = (await node.check(["cat", RELEASE])).text
        return before, said, seconds, ignored.said + ignored.text, status, release


def test_it_is_fetched_merged_and_used(images, tmp_path, record_property, capsys):
    files = tuple(Asset(path.name, path) for path in sorted(images.glob("*.raw")))
    try:
        with booted_guest(tmp_path, Wish(files=files)) as guest:
            before, said, seconds, ignored, status, release = asyncio.run(used(guest, "http://10.99.0.1"))
            events = guest.session.service(guest.board.place).events(0)
    except InfrastructureError as exc:
        pytest.skip(str(exc))
    assert before == 127  # there was no such program
    assert said == "hello of an extension\n"
    assert release == "ID=debian\nVERSION_ID=12\n"
    assert re.search(r"^/usr +hello ", status, re.MULTILINE), status
    assert "other" not in status, ignored
    sent = [e.sent for _, e in events if isinstance(e, TransferEnded) and e.name == "hello.raw"]
    assert sent == [(images / "hello.raw").stat().st_size]
    record_property("seconds", seconds)
    with capsys.disabled():
        size = (images / "hello.raw").stat().st_size
        print(f"\nusable {seconds:.1f} s after it was asked for: {size} bytes from our service, emulated")
