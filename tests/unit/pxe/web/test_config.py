"""Configs over HTTP through Flask's client: whose, how often, in which shape, and what is left on record."""

import hashlib
import json
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from pxe.config_store import ConfigStore
from pxe.events import ConfigDelivered, ConfigRefused, DhcpReceived, DhcpSent
from pxe.plan import Config, ConfigKind
from pxe.web.machine import create_app
from pxe.web.operator import create_app as create_api

MAC = "52:54:00:00:00:01"
HERE = IPv4Address("127.0.0.1")
SECRET = "root-password-of-everything"
IGNITION = {"ignition": {"version": "3.4.0"}, "storage": {"files": [{"path": "/etc/x"}]}}


def discover(firmware="uefi-pxe"):
    return DhcpReceived(t_ns=1, mac=MAC, message="DISCOVER", xid=1, firmware=firmware)


@pytest.fixture
def secret_file(tmp_path):
    path = tmp_path / "user-data"
    path.write_text(f"#cloud-config\n# {SECRET} for {{mac}} from {{server}}, {{{{server}}}} ${{mac}}\n")
    return path


@pytest.fixture
def plan(plan, secret_file):
    configs = (
        Config(kind=ConfigKind.NOCLOUD, name="user-data", path=secret_file, secret=True),
        Config(kind=ConfigKind.IGNITION, name="node.ign", text=json.dumps(IGNITION)),
        Config(kind=ConfigKind.TALOS, name="machine.yaml", env="TALOS_OF_THE_TEST", secret=True),
        Config(kind=ConfigKind.TEXT, name="ks/preseed.cfg", text="url={config}ks/late.sh on {server}\n"),
    )
    return replace(plan, configs=configs)


@pytest.fixture
def base(service):
    """The path of this boot's configs."""
    service.configs.observe(discover())
    return "/" + service.configs.url_path(MAC, HERE, "p")


@pytest.fixture
def client(service):
    return create_app(service).test_client(use_cookies=False)


@pytest.fixture
def get(client, base):
    def get(name, **options):
        return client.get(base + name, buffered=True, **options)

    return get


def events(service, kind):
    return [event for _, event in service.events.since(0) if isinstance(event, kind)]


def reasons(service):
    return [event.reason for event in events(service, ConfigRefused)]


def test_a_text_with_its_words_replaced(get, base):
    got = get("ks/preseed.cfg")
    assert (got.status_code, got.text) == (200, f"url={base}ks/late.sh on 10.99.0.1\n")
    assert got.headers["Content-Length"] == str(len(got.data))
    assert got.headers["Cache-Control"] == "no-store"
    assert got.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "Set-Cookie" not in got.headers
    assert "Location" not in got.headers


def test_a_secret_goes_out_and_is_on_record(get, service):
    got = get("user-data")
    assert got.status_code == 200
    assert f"{SECRET} for {MAC} from 10.99.0.1, {{{{server}}}} ${{mac}}" in got.text
    (delivered,) = events(service, ConfigDelivered)
    assert (delivered.mac, delivered.plan, delivered.name) == (MAC, "p", "user-data")
    assert (delivered.config_kind, delivered.size) == ("nocloud", len(got.data))
    assert delivered.sha256 == hashlib.sha256(got.data).hexdigest()
    api = create_api(service).test_client()
    (row,) = api.get("/api/v1/deliveries", headers={"Host": "localhost"}).json["deliveries"]
    assert (row["sha256"], row["outcome"], row["mac"]) == (delivered.sha256, "complete", MAC)
    assert api.get(f"/api/v1/deliveries?mac={MAC.replace(':', '-')}&limit=5").json["deliveries"] == [row]
    assert api.get("/api/v1/deliveries?mac=52:54:00:00:00:02").json["deliveries"] == []
    assert api.get("/api/v1/deliveries?mac=x").status_code == 400


def test_no_event_and_no_record_holds_token_or_content(get, service, base, client):
    get("user-data")
    get("nothing")
    client.get("/" + base + "user-data")  # what a client makes of //c/...
    client.get("/", environ_overrides={"PATH_INFO": "/" + base + "user-data"})
    client.get(base.rstrip("/"))
    client.get(base + "user-data", environ_overrides={"REMOTE_ADDR": "10.99.0.200"})
    everything = repr(service.events.since(0)) + repr(service.configs.deliveries(100))
    token = base.split("/")[2]
    assert token not in everything
    assert SECRET not in everything
    database = (service.configs._engine.url.database, service.configs._engine.url.database + "-wal")
    for path in database:
        with open(path, "rb") as file:
            content = file.read()
        assert token.encode() not in content
        assert SECRET.encode() not in content


@pytest.mark.parametrize("name", ["user-data", "meta-data", "node.ign", "ks/preseed.cfg"])
def test_another_address_gets_nothing(get, service, name):
    got = get(name, environ_overrides={"REMOTE_ADDR": "10.99.0.200"})
    assert got.status_code == 403
    assert got.data.count(b"\n") == 1
    assert reasons(service) == ["the token is for a machine at another address"]


def test_a_guess_gets_nothing(client, service):
    assert client.get("/c/" + "a" * 32 + "/user-data").status_code == 404
    for path in ("/c/", "/c/x", "/c/x/"):
        assert client.get(path).status_code == 404, path
    assert len(reasons(service)) == 1


def test_a_secret_needs_an_exchange(client, service):
    base = "/" + service.configs.url_path(MAC, HERE, "p")
    assert client.get(base + "user-data").status_code == 403
    assert client.get(base + "node.ign").status_code == 200
    assert "none was seen" in reasons(service)[0]


def test_dhcp_of_an_operating_system_is_no_boot(client, service):
    service.configs.observe(discover("os"))
    base = "/" + service.configs.url_path(MAC, HERE, "p")
    assert client.get(base + "user-data").status_code == 403


def test_an_ack_moves_the_token(client, service, base):
    service.configs.observe(DhcpSent(t_ns=2, mac=MAC, message="ACK", xid=1, ip="127.0.0.9"))
    assert client.get(base + "node.ign").status_code == 403
    there = {"REMOTE_ADDR": "127.0.0.9"}
    assert client.get(base + "node.ign", environ_overrides=there).status_code == 200
    service.configs.observe(DhcpSent(t_ns=2, mac=MAC, message="ACK", xid=1, ip="0.0.0.0"))
    assert client.get(base + "node.ign", environ_overrides=there).status_code == 200


def test_head_uses_nothing_up(client, service, base, get):
    head = client.head(base + "user-data")
    assert (head.status_code, head.data) == (200, b"")
    assert events(service, ConfigDelivered) == []
    assert service.configs.deliveries(10) == []
    assert head.headers["Content-Length"] == str(len(get("user-data").data))


def test_a_delivery_that_broke_off_may_be_repeated_at_any_time(client, service, base):
    broken = client.get(base + "user-data")  # not read
    broken.close()
    (row,) = service.configs.deliveries(10)
    assert row["outcome"] == "aborted"
    assert events(service, ConfigDelivered) == []
    grant = service.configs.redeem(base.split("/")[2], HERE)
    assert grant.used == {}


def test_once_in_a_boot_after_a_short_grace(service, get, monkeypatch):
    assert get("user-data").status_code == 200
    assert get("user-data").status_code == 200
    now = service.configs._now
    monkeypatch.setattr(service.configs, "_now", lambda: now() + 301)
    assert get("user-data").status_code == 403
    assert get("node.ign").status_code == 200, "what is no secret may be read all the time"
    assert "delivered in this boot already" in reasons(service)[0]


def test_a_new_process_knows_the_boot(service, base):
    reborn = replace(service, configs=ConfigStore(service.configs._engine))
    client = create_app(reborn).test_client()
    assert client.get(base + "user-data").status_code == 200


def test_nocloud_has_defaults(get, client, service):
    meta = get("meta-data")
    assert json.loads(meta.text) == {"instance-id": "52-54-00-00-00-01", "local-hostname": "rack1"}
    for name in ("vendor-data", "network-config"):
        assert (get(name).status_code, get(name).data) == (200, b"")
    assert get("ks/meta-data").status_code == 404, "only beside another of its kind"
    assert get("metadata").status_code == 404


ACCEPT = "application/vnd.coreos.ignition+json;version={}, */*;q=0.1"


@pytest.mark.parametrize(
    ("version", "status", "answer"),
    [("3.6.0", 200, "3.4.0"), ("3.3.0", 200, "3.3.0"), ("3.0.0", 200, "3.0.0"), ("2.4.0", 406, None)],
)
def test_ignition_by_accept_header(get, version, status, answer, service):
    got = get("node.ign", headers={"Accept": ACCEPT.format(version)})
    assert got.status_code == status
    if answer is not None:
        assert got.json["ignition"]["version"] == answer
        assert got.json["storage"] == IGNITION["storage"]
        assert got.headers["Content-Type"] == f"application/vnd.coreos.ignition+json;version={answer}"
    else:
        assert "2.x and 3.x are different languages" in got.text
        assert len(reasons(service)) == 1


def test_talos(get, service, monkeypatch):
    assert get("machine.yaml").status_code == 503, "the variable is not set"
    monkeypatch.setenv("TALOS_OF_THE_TEST", "version: v1alpha1\nmachine: {token: ${uuid}}\n")
    snapshot = service.catalogue.snapshot
    held = replace(snapshot.machines[MAC], hold=True)
    service.catalogue.replace(replace(snapshot, machines={MAC: held}))
    assert get("machine.yaml?uuid=1234").status_code == 404
    assert get("talos.yaml").status_code == 404
    service.catalogue.replace(snapshot)
    got = get("machine.yaml?uuid=1234&mac=52:54:00:00:00:02")
    assert (got.status_code, got.headers["Content-Type"]) == (200, "application/yaml")
    assert got.text == "version: v1alpha1\nmachine: {token: ${uuid}}\n"
    nothing = get("talos.yaml")
    assert (nothing.status_code, nothing.data) == (204, b"")
    monkeypatch.setenv("TALOS_OF_THE_TEST", "\n")
    assert get("machine.yaml").status_code == 204


def test_what_cannot_be_read_is_503_and_said(get, service, secret_file):
    secret_file.write_bytes(b"\xff\xfe")
    assert "not UTF-8 at byte 0" in get("user-data").text
    secret_file.write_bytes(b"x" * (1 << 20) + b"y")
    assert "more than 1048576 bytes" in get("user-data").text
    secret_file.unlink()
    got = get("user-data")
    assert (got.status_code, got.text) == (
        503,
        "on the server, config user-data: No such file or directory\n",
    )
    secret_file.mkdir()
    assert get("user-data").status_code == 503
    assert len(reasons(service)) == 4
    assert str(secret_file) not in " ".join(reasons(service))


def test_an_ignition_file_that_broke_later_says_where_but_not_what(get, service, plan, tmp_path):
    path = tmp_path / "later.ign"
    path.write_text(json.dumps({"ignition": {"version": "3.4.0"}, "storage": {"files": [{"path": SECRET}]}}))
    snapshot = service.catalogue.snapshot
    broken = replace(
        plan, configs=(Config(kind=ConfigKind.IGNITION, name="node.ign", path=path, secret=True),)
    )
    service.catalogue.replace(replace(snapshot, plans={"p": broken}))
    got = get("node.ign")
    assert got.status_code == 503
    assert "storage.files[0].path" in got.text
    assert SECRET not in got.text
    assert SECRET not in repr(service.events.since(0))


def test_the_plan_is_that_of_the_boot(get, service):
    snapshot = service.catalogue.snapshot
    service.catalogue.replace(replace(snapshot, machines={MAC: replace(snapshot.machines[MAC], plan=None)}))
    assert get("node.ign").status_code == 200, "boot-once is forgotten by the time the kernel asks"
    service.catalogue.replace(replace(snapshot, plans={}))
    assert get("node.ign").status_code == 404


def test_a_flood_of_refusals_is_counted_and_not_logged(client, service):
    for number in range(300):
        client.get(f"/c/{number:032}/x")
    refused = events(service, ConfigRefused)
    assert 50 <= len(refused) < 120
    assert all(event.name == "x" for event in refused)


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_read_only(client, base, method):
    assert getattr(client, method)(base + "user-data").status_code == 405
