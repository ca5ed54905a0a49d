"""curl as the machine, and as others: whose the configs are, and what is left on record."""

import hashlib
import json

import pytest
from service_running import MAC, eventually, has_ended

from pxe.events import ConfigDelivered, ConfigRefused

pytestmark = pytest.mark.interop

STRANGER = ("--interface", "127.0.0.9")
STATUS = ("-o", "/dev/null", "-w", "%{http_code}")


def seen(rack, kind):
    with rack.client() as client:
        return [e for _, e in client.events(0) if isinstance(e, kind)]


def test_a_boot_and_what_is_on_record(rack, fetch):
    url = rack.config_url()
    assert url == rack.config_url(), "the script is rendered several times in a boot"
    assert fetch(url + "user-data") == b"#cloud-config\npassword: from-a-file\n"
    assert json.loads(fetch(url + "meta-data"))["local-hostname"] == "node1"
    assert fetch(url + "machine.yaml?uuid=x") == b"version: v1alpha1\nmachine: {token: of-the-test}\n"
    assert fetch(url + "ks.cfg").decode() == f"url --url=127.0.0.2\n%pre\ncurl {url}ks.cfg\n"
    assert fetch(url + "talos.yaml", *STATUS) == b"204"
    delivered = eventually(lambda: (found := seen(rack, ConfigDelivered)) and len(found) == 4 and found)
    assert {(e.mac, e.name) for e in delivered} == {
        (MAC, name) for name in ("user-data", "meta-data", "machine.yaml", "ks.cfg")
    }
    with rack.client() as client:
        rows = client._object("/deliveries")["deliveries"]
    by_name = {row["name"]: row for row in rows}
    assert (
        by_name["user-data"]["sha256"] == hashlib.sha256((rack.folder / "user-data").read_bytes()).hexdigest()
    )
    assert {row["outcome"] for row in rows} == {"complete"}


def test_another_machine_and_a_guess_get_nothing(rack, fetch):
    url = rack.config_url()
    for name in ("user-data", "ks.cfg", "machine.yaml"):
        assert fetch(url + name, *STRANGER, *STATUS) == b"403"
    assert fetch(url.replace("/c/", "/c/x") + "user-data", *STATUS) == b"404"
    assert fetch(url + "shadow", *STATUS) == b"404"
    refused = eventually(lambda: (found := seen(rack, ConfigRefused)) and len(found) == 5 and found)
    assert all(event.reason for event in refused)


def test_nothing_written_anywhere_holds_a_token_or_a_secret(rack, fetch):
    url = rack.config_url()
    token = url.rstrip("/").rpartition("/")[2]
    fetch(url + "user-data")
    fetch(url + "nothing", *STATUS)
    fetch(f"{rack.url}//c/{token}/user-data", "--path-as-is", *STATUS)
    fetch(f"{rack.url}/c/{token}", *STATUS)
    fetch(f"{rack.url}/boot/{MAC}.cfg")
    eventually(lambda: seen(rack, ConfigRefused))
    rack.stop()
    written = [p for p in rack.folder.rglob("*") if p.is_file() and p.name not in ("user-data", "lab.yaml")]
    assert {"service.log", "events.jsonl", "state.sqlite"} <= {p.name for p in written}
    for path in written:
        content = path.read_bytes()
        assert token.encode() not in content, path
        assert b"from-a-file" not in content, path
        assert b"of-the-test" not in content, path


def test_people_see_the_script_without_a_token(rack, fetch):
    token = rack.config_url().rstrip("/").rpartition("/")[2]
    shown = fetch(f"{rack.url}/boot/{MAC}.cfg").decode()
    assert "ds=nocloud-net;s=" in shown
    assert token not in shown


def test_a_worker_killed_in_the_middle_of_a_boot(rack, fetch):
    url = rack.config_url()
    fetch(url + "machine.yaml")
    eventually(lambda: seen(rack, ConfigDelivered))
    old = rack.worker()
    old.kill()
    eventually(lambda: has_ended(old))
    with rack.client() as client:
        client.wait_ready(30)
    assert fetch(url + "user-data") == b"#cloud-config\npassword: from-a-file\n"
    again = rack.config_url()  # a loader that begins anew: another token, the same boot
    assert again != url
    assert fetch(again + "node.ign", *STATUS) == b"200"
    with rack.client() as client:
        rows = client._object("/deliveries")["deliveries"]
    assert {row["name"] for row in rows} == {"machine.yaml", "user-data", "node.ign"}


def test_without_a_tftp_exchange_no_secret(rack, fetch):
    script = fetch(f"{rack.url}/pxelinux.cfg/default").decode()  # anybody on the machine can ask for that
    url = "http" + script.partition("s=http")[2].split()[0]
    assert fetch(url + "user-data", *STATUS) == b"403"
    assert fetch(url + "ks.cfg", *STATUS) == b"200"
    assert rack.config_url()  # now by TFTP
    assert fetch(rack.config_url() + "user-data", *STATUS) == b"200"


@pytest.mark.parametrize(
    ("version", "status"), [("3.5.0", b"200"), ("3.3.0", b"200"), ("3.2.0", b"406"), ("2.4.0", b"406")]
)
def test_ignition_versions(rack, fetch, version, status):
    accept = f"Accept: application/vnd.coreos.ignition+json;version={version}, */*;q=0.1"
    url = rack.config_url() + "node.ign"
    assert fetch(url, "-H", accept, *STATUS) == status
    if status == b"200":
        got = json.loads(fetch(url, "-H", accept))
        assert got["ignition"]["version"] == version
        assert got["storage"]["files"][0]["contents"]["source"] == f"data:,{MAC}"


def test_no_range_no_redirect_no_cookie(rack, fetch):
    answer = fetch(rack.config_url() + "user-data", "-i", "-r", "0-3", "-H", "Cookie: a=b").decode()
    head, _, body = answer.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 200 ")
    assert "no-store" in head
    assert "Set-Cookie" not in head
    assert body == "#cloud-config\npassword: from-a-file\n"
