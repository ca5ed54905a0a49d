"""GET /api/v1/events/stream of a real service, read by curl."""

import subprocess
import threading

import httpx
import pytest
from service_running import MAC, MACHINE, eventually

pytestmark = pytest.mark.interop

BROWSERS = 60  # nearly as many as gunicorn has threads, and long polls beside them


def test_curl_sees_what_happens(service, curl, tmp_path):
    argv = [curl, "-sN", "--unix-socket", str(service.api_socket), "http://x/api/v1/events/stream"]
    with (tmp_path / "out").open("wb") as out:
        reader = subprocess.Popen(argv, stdout=out)
    try:
        eventually(lambda: b"retry:" in (tmp_path / "out").read_bytes())
        subprocess.run(
            [curl, "-sf", "--interface", MACHINE, f"{service.url}/vmlinuz", "-o", "/dev/null"], check=True
        )
        eventually(lambda: b"event: transfer-ended" in (tmp_path / "out").read_bytes())
    finally:
        reader.terminate()
        reader.wait(10)


def test_many_readers_take_no_thread(service):
    transport = httpx.HTTPTransport(uds=str(service.api_socket))
    got = []

    def read(number):
        with (
            httpx.Client(transport=httpx.HTTPTransport(uds=str(service.api_socket)), timeout=60) as client,
            client.stream("GET", "http://x/api/v1/events/stream") as response,
        ):
            for line in response.iter_lines():  # until the service ends
                if line == "event: plan-changed":
                    got.append(number)

    readers = [threading.Thread(target=read, args=(n,)) for n in range(BROWSERS)]
    with httpx.Client(transport=transport, timeout=60) as client:
        before = service.worker().num_threads()
        for reader in readers:
            reader.start()
        eventually(lambda: client.get("http://x/api/v1/health").json()["event_readers"] == BROWSERS)
        # Not one each; gunicorn's own threads start as they are asked for, and that of the results does
        assert service.worker().num_threads() <= before + BROWSERS // 2
        client.post(f"http://x/api/v1/machines/{MAC}/hold", json={})
        eventually(lambda: len(got) == BROWSERS)
    assert service.stop() == 0
    for reader in readers:
        reader.join(60)
    assert sorted(got) == list(range(BROWSERS))
    assert "Traceback" not in service.log
