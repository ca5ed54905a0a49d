"""Real servers that are well, a real client, and between them a cable on which the servers misbehave."""

import random
import shutil
import sys

import pytest

from lab.errors import SandboxError
from lab.sandbox import Impairment, Sandbox, ServerFault

pytestmark = pytest.mark.interop

CONTENT = random.Random(5).randbytes(400_000)
URLS = {"tftp": "tftp://10.99.0.1/file", "http": "http://10.99.0.1/file"}
HEADER = 1000  # more than python's http.server sends before the file
TIMED_OUT = 28  # of curl


class Rack:
    """Our TFTP server, Python's HTTP server, and curl as a machine of its own."""

    def __init__(self, sandbox, folder):
        self.sandbox, self.out = sandbox, folder / "out"
        served = folder / "served"
        served.mkdir()
        (served / "file").write_bytes(CONTENT)
        here = [sys.executable, "-m"]
        address = str(sandbox.address)
        self.log = folder / "servers.log"
        with self.log.open("wb") as log:
            tftp = [*here, "lab", "tftp", served, "--listen", f"{address}:69"]
            http = [*here, "http.server", "--bind", address, "--directory", served, "80"]
            for words in (tftp, http):
                sandbox.spawn(words, stdout=log, stderr=log)

    def fetch(self, url, fault=None, seconds=60):
        """Return curl's status, what it got, and how many seconds it took by its own account."""
        self.out.unlink(missing_ok=True)
        plug = [sys.executable, "-m", "lab.testing.plugged"]
        plug += ["--cable", ",".join(fault.to_words())] if fault is not None else []
        plug += [f"{self.sandbox.bridge},52:54:00:aa:03:01,10.99.0.2/24"]
        curl = ["curl", "--silent", "--max-time", str(seconds), "--write-out", "%{time_total}"]
        done = self.sandbox.run([*plug, *curl, "-o", str(self.out), url], timeout=240)
        assert not done.stderr, done.stderr
        return done.returncode, self.out.read_bytes() if self.out.exists() else b"", float(done.stdout)

    def wait(self):
        """Until both servers answer."""
        for url in URLS.values():
            words = ["curl", "--silent", "--retry", "60", "--retry-delay", "1", "--retry-all-errors"]
            done = self.sandbox.run([*words, "-o", "/dev/null", url], timeout=240)
            assert done.returncode == 0, self.log.read_text()


@pytest.fixture(scope="module")
def rack(tmp_path_factory):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    try:
        sandbox = Sandbox.create(kind="packet")
    except SandboxError as exc:
        pytest.skip(str(exc))
    with sandbox:
        made = Rack(sandbox, tmp_path_factory.mktemp("rack"))
        made.wait()
        yield made


each = pytest.mark.parametrize("protocol", ["tftp", "http"])


@each
def test_a_good_cable(rack, protocol):
    assert rack.fetch(URLS[protocol])[:2] == (0, CONTENT)
    assert rack.fetch(URLS[protocol], Impairment())[:2] == (0, CONTENT)


@each
def test_slow(rack, protocol):
    status, got, seconds = rack.fetch(
        URLS[protocol], ServerFault(fault="slow", protocol=protocol, rate=200_000)
    )
    assert (status, got) == (0, CONTENT)
    assert seconds > 1.5, "400 kB at 200 kB/s"


@each
def test_stalled(rack, protocol):
    fault = ServerFault(fault="stalled", protocol=protocol, after=150_000)
    status, got, _ = rack.fetch(URLS[protocol], fault, seconds=4)
    assert status == TIMED_OUT
    assert 150_000 - HEADER - 1460 < len(got) <= 150_000
    assert CONTENT.startswith(got)


@each
def test_corrupt(rack, protocol):
    status, got, _ = rack.fetch(
        URLS[protocol], ServerFault(fault="corrupt", protocol=protocol, after=150_000)
    )
    assert (status, len(got)) == (0, len(CONTENT)), "nobody on the way noticed"
    (place,) = [n for n, (ours, theirs) in enumerate(zip(got, CONTENT, strict=True)) if ours != theirs]
    assert got[place] ^ CONTENT[place] == 1
    assert place == 150_000 if protocol == "tftp" else 150_000 - HEADER < place < 150_000


@each
def test_vanishing_and_back(rack, protocol):
    fault = ServerFault(fault="vanishing", protocol=protocol, after=150_000, seconds=1.5, times=1)
    status, got, seconds = rack.fetch(URLS[protocol], fault)
    assert (status, got) == (0, CONTENT), "both protocols repeat what was lost"
    assert seconds > 1.2


def test_vanishing_for_ever(rack):
    fault = ServerFault(fault="vanishing", protocol="http", after=150_000)
    status, got, _ = rack.fetch(URLS["http"], fault, seconds=4)
    assert status == TIMED_OUT
    assert len(got) < 150_000


def test_the_other_protocol_goes_on(rack):
    assert rack.fetch(URLS["http"], ServerFault(fault="stalled", protocol="tftp"))[:2] == (0, CONTENT)
