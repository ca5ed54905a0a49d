"""The API over TLS with tokens, beside its Unix socket; curl and openssl are the clients."""

import json
import subprocess

import pytest
from service_running import free_port

pytestmark = pytest.mark.interop


@pytest.fixture
def service(make_service):
    """On 127.0.0.1 with TLS, and a Unix socket; not started."""
    service = make_service()
    site = json.loads(service.site.read_text())
    service.port = free_port()
    site["service"]["api"] |= {"listen": "127.0.0.1", "port": service.port, "tls": {}}
    service.site.write_text(json.dumps(site))
    return service


def ask(curl, service, path, *options):
    ca = service.folder / "state" / "api-cert.pem"
    url = f"https://127.0.0.1:{service.port}{path}"
    got = subprocess.run(
        [curl, "-sS", "--cacert", str(ca), "-w", "\n%{http_code}", *options, url],
        capture_output=True,
        text=True,
    )
    assert got.returncode == 0, got.stderr
    body, _, status = got.stdout.rpartition("\n")
    return int(status), json.loads(body) if body.startswith("{") else body


def test_tls_tokens_and_the_socket(service, curl):
    service.start()
    assert f"https://127.0.0.1:{service.port}" in service.log
    assert "SHA-256 " in service.log
    with service.client() as client:  # the Unix socket is trusted
        secret = client._call("POST", "/tokens/ci", body={"role": "viewer"}).json()["token"]
    status, answer = ask(curl, service, "/api/v1/plans")
    assert (status, "a token is needed" in answer["error"]) == (401, True)
    bearer = ("-H", f"Authorization: Bearer {secret}")
    status, answer = ask(curl, service, "/api/v1/plans", *bearer)
    assert (status, [p["name"] for p in answer["plans"]]) == (200, ["p"])
    status, answer = ask(
        curl,
        service,
        "/api/v1/session",
        "-d",
        json.dumps({"token": secret}),
        "-H",
        "Content-Type: application/json",
        "-D",
        str(service.folder / "headers"),
    )
    assert status == 200
    assert "; Secure; HttpOnly" in (service.folder / "headers").read_text()
    secretless = subprocess.run(
        [curl, "-s", f"http://127.0.0.1:{service.port}/"], capture_output=True, text=True
    )
    assert "this is https" in secretless.stdout
    assert service.stop() == 0
    assert secret not in service.log
    assert "Traceback" not in service.log


def test_events_stream_over_tls(service, curl):
    service.start()
    ca = str(service.folder / "state" / "api-cert.pem")
    url = f"https://127.0.0.1:{service.port}/api/v1/events/stream?since=0"
    with subprocess.Popen([curl, "-sSN", "--cacert", ca, url], stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        for line in reader.stdout:
            if line == b"event: service-ready\n":
                break
        else:
            pytest.fail("the stream ended")
        assert service.stop() == 0
        reader.stdout.read()
    assert reader.returncode == 0, "curl saw the end"


def test_reachable_from_elsewhere_needs_a_token(service, curl):
    site = json.loads(service.site.read_text())
    site["service"]["api"]["listen"] = "0.0.0.0"
    service.site.write_text(json.dumps(site))
    process = service.launch()
    assert process.wait(120) == 4
    assert "there is no token yet: `bootlab token add NAME --role admin`" in service.log
    site["service"]["api"].pop("tls")
    service.site.write_text(json.dumps(site))
    process = service.launch()
    assert process.wait(120) == 2
    assert "needs TLS there" in service.log
