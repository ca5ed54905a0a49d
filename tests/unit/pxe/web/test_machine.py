"""The machine-facing app through Flask's client; a real server is asked in tests/interop."""

import os
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pxe.boot.catalogue import Catalogue
from pxe.boot.loaders import Loaders
from pxe.boot.snapshot import Snapshot
from pxe.events import TransferEnded, TransferRefused, TransferStarted
from pxe.plan import Machine
from pxe.web.machine import create_app

MAC = "52:54:00:00:00:01"
STRANGER = {"REMOTE_ADDR": "10.99.0.200"}


@pytest.fixture
def client(service):
    return create_app(service).test_client(use_cookies=False)


@pytest.fixture
def kernel(plan):
    return plan.kernel.path.read_bytes()


def raw(client, path):
    """GET `path` as the server's parser would hand it over, past the test client's own idea of URLs."""
    return client.get("/", environ_overrides={"PATH_INFO": path})


def events(service):
    return [event for _, event in service.events.since(0)]


def test_a_file_whole_with_its_events(client, service, kernel):
    got = client.get("/debian/linux", buffered=True)
    assert (got.status_code, got.data) == (200, kernel)
    assert got.headers["Content-Length"] == str(len(kernel))
    assert got.headers["Accept-Ranges"] == "bytes"
    assert got.headers["Content-Type"] == "application/octet-stream"
    started, ended = events(service)
    assert isinstance(started, TransferStarted)
    assert isinstance(ended, TransferEnded)
    assert started.transfer == ended.transfer
    assert (started.protocol, started.name, started.size, started.mac) == (
        "http",
        "debian/linux",
        len(kernel),
        MAC,
    )
    assert (ended.sent, ended.outcome) == (len(kernel), "complete")


def test_a_part(client, service, kernel):
    got = client.get("/debian/linux", headers={"Range": "bytes=100-199"}, buffered=True)
    assert (got.status_code, got.data) == (206, kernel[100:200])
    assert got.headers["Content-Range"] == f"bytes 100-199/{len(kernel)}"
    assert got.headers["Content-Length"] == "100"
    started, _ = events(service)
    assert (started.size, started.options) == (100, {"offset": 100, "total": len(kernel)})


def test_an_unsatisfiable_part(client, service, kernel):
    got = client.get("/debian/linux", headers={"Range": "bytes=99999-"})
    assert (got.status_code, got.data) == (416, b"")
    assert got.headers["Content-Range"] == f"bytes */{len(kernel)}"
    assert events(service) == []


def test_head_says_the_length_and_is_no_transfer(client, service, kernel):
    got = client.head("/debian/linux")
    assert (got.status_code, got.data, got.headers["Content-Length"]) == (200, b"", str(len(kernel)))
    assert events(service) == []


def test_conditional_requests(client, plan):
    got = client.get("/debian/linux")
    for headers in (
        {"If-None-Match": got.headers["ETag"]},
        {"If-Modified-Since": got.headers["Last-Modified"]},
    ):
        again = client.get("/debian/linux", headers=headers)
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["ETag"] == got.headers["ETag"]
    plan.kernel.path.write_bytes(b"a new kernel")
    assert client.get("/debian/linux", headers={"If-None-Match": got.headers["ETag"]}).status_code == 200
    resumed = client.get("/debian/linux", headers={"Range": "bytes=5-", "If-Range": got.headers["ETag"]})
    assert (resumed.status_code, resumed.data) == (200, b"a new kernel")


def test_generated_files(client, service):
    text = client.get("/preseed.cfg", buffered=True)
    assert (text.data, text.mimetype) == (b"mirror 10.99.0.1\n", "text/plain")
    assert client.get("/preseed.cfg", headers={"If-None-Match": text.headers["ETag"]}).status_code == 304
    assert client.get("/preseed.cfg", headers={"Range": "bytes=-5"}, buffered=True).data == b".0.1\n"
    script = client.get("/boot.scr.uimg", buffered=True)
    assert script.data[:4] == b"\x27\x05\x19\x56"
    assert script.mimetype == "application/octet-stream"
    assert [e.outcome for e in events(service) if isinstance(e, TransferEnded)] == ["complete"] * 3


def test_an_empty_file_is_served(client, plan):
    plan.kernel.path.write_bytes(b"")
    got = client.get("/debian/linux")
    assert (got.status_code, got.data, got.headers["Content-Length"]) == (200, b"", "0")


@pytest.mark.parametrize("path", ["/preseed.cfg", "/debian/linux", "/boot.scr.uimg", "/nothing"])
def test_a_stranger_gets_one_plain_line(client, service, path):
    got = client.get(path, environ_overrides=STRANGER)
    assert got.status_code == 404
    assert got.mimetype == "text/plain"
    assert got.data.count(b"\n") == 1
    (refused,) = events(service)
    assert isinstance(refused, TransferRefused)
    assert (refused.protocol, refused.name, refused.mac) == ("http", path[1:], None)
    assert refused.peer.startswith("10.99.0.200:")


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-Ip", "Forwarded", "X-Mac", "X-iPXE-Mac"])
def test_no_header_makes_a_stranger_somebody(client, header):
    for value in ("127.0.0.1", "for=127.0.0.1", MAC):
        assert (
            client.get(
                f"/preseed.cfg?mac={MAC}&spoof=127.0.0.1",
                headers={header: value},
                environ_overrides=STRANGER,
            ).status_code
            == 404
        )


def test_a_query_that_is_no_text_is_no_fault_of_ours(client):
    got = client.get("/grub.cfg", query_string=b"mac=\xff\xfe".decode("latin-1"), environ_overrides=STRANGER)
    assert b"no machine is known at this address, and" in got.data
    environ = {**STRANGER, "QUERY_STRING": b"mac=\xff\xfe".decode("latin-1")}
    assert b"no machine is known" in client.get("/grub.cfg", environ_overrides=environ).data


def test_the_folder_for_everybody(client):
    got = client.get("/all.txt", environ_overrides=STRANGER)
    assert (got.status_code, got.data) == (200, b"for everybody")


@pytest.mark.parametrize(
    "path",
    ["/../kernel", "/%2e%2e/kernel", "/..%5ckernel", "/outside", "/%00", "/a%00b", "/debian%2f..%2f..%2fx"],
)
def test_nothing_from_outside(client, path):
    got = client.get(path)
    assert got.status_code in (403, 404)
    assert b"root:" not in got.data
    assert got.data.count(b"\n") == 1


def test_an_efi_loader_as_edk2_fetches_it(service, tmp_path):
    """HEAD, then GET; the type decides whether EDK2 starts it."""
    (tmp_path / "my.efi").write_bytes(b"MZ" + bytes(98))
    catalogue = Catalogue(service.catalogue.snapshot, loaders=Loaders({"x86_64": tmp_path / "my.efi"}))
    app = create_app(replace(service, catalogue=catalogue)).test_client()
    for method, body in ((app.head, b""), (app.get, b"MZ" + bytes(98))):
        got = method("/my.efi", environ_overrides=STRANGER)
        assert (got.status_code, got.data) == (200, body)
        assert got.headers["Content-Type"] == "application/efi"
        assert got.headers["Content-Length"] == "100"


@pytest.mark.parametrize("query", ["mac=52:54:00:00:00:01", "uuid=&serial=x&mac=52-54-00-00-00-01"])
def test_flatcars_grub_tells_its_mac_in_the_query(client, query):
    got = client.get(f"/grub.cfg?{query}", environ_overrides=STRANGER)
    assert b"linux '(tftp,10.99.0.1)/52-54-00-00-00-01/debian/linux'" in got.data


@pytest.mark.parametrize("query", ["mac=", "mac=nonsense", "mac=52:54:00:00:00:99", "mac=../../x", "&&&=?"])
def test_a_grub_that_nobody_knows_is_told_so_and_goes_on(client, query):
    """An error would be the same to GRUB, but for the words."""
    got = client.get(f"/grub.cfg?{query}", environ_overrides=STRANGER)
    assert got.data.startswith(b'echo "bootlab: nothing to boot from here: no machine ')
    assert b"linux" not in got.data
    assert client.get("/grub.cfg", environ_overrides=STRANGER).status_code == 404


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("mac=52:54:00:00:00:02", b"this address is of the machine 52:54:00:00:00:01, and GRUB says"),
        ("mac=52:54:00:00:00:01", b"linux '(tftp,10.99.0.1)/debian/linux'"),
        ("serial=To be filled", b"linux '(tftp,10.99.0.1)/debian/linux'"),
    ],
)
def test_the_address_says_more_than_the_query(client, query, said):
    assert said in client.get(f"/grub.cfg?{query}").data


@pytest.mark.parametrize("kind", ["scr", "cfg", "ipxe", "grub", "config.txt"])
def test_every_script_can_be_read_by_people(client, kind):
    got = client.get(f"/boot/{MAC}.{kind}", environ_overrides=STRANGER)
    assert got.mimetype == "text/plain"
    assert b"debian/linux" in got.data
    assert client.get(f"/boot/{MAC}.exe").status_code == 404


@pytest.mark.parametrize("path", ["//debian/linux", "/debian/linux/", "/debian//linux"])
def test_no_redirects(client, path):
    assert raw(client, path).status_code == 200


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_nothing_can_be_changed(client, method):
    got = getattr(client, method)("/debian/linux", data="x")
    assert got.status_code == 405
    assert got.headers["Allow"] == "GET, HEAD"


def test_no_api_here(client):
    for path in ("/api/v1/plans", "/api/v1/health"):
        assert client.get(path).status_code == 404


def test_no_cookies(client):
    for path in ("/debian/linux", "/nothing", f"/boot/{MAC}.scr"):
        assert "Set-Cookie" not in client.get(path).headers


@pytest.mark.parametrize("mac", [MAC, "52-54-00-00-00-01", "525400000001"])
def test_scripts_for_people(client, mac):
    script = client.get(f"/boot/{mac}.scr", environ_overrides=STRANGER)
    assert script.mimetype == "text/plain"
    assert b"tftpboot ${kernel_addr_r} debian/linux" in script.data
    assert b"KERNEL debian/linux" in client.get(f"/boot/{mac}.cfg").data


@pytest.mark.parametrize(
    "path", ["/boot/nonsense.scr", "/boot/52:54:00:00:00:99.scr", "/boot/525400000099.cfg"]
)
def test_scripts_of_nobody(client, path):
    got = client.get(path)
    assert got.status_code == 404
    assert got.data.count(b"\n") == 1


def test_a_file_that_vanishes_between_look_and_open(client, service, plan, monkeypatch):
    resolve = service.catalogue.resolve

    def resolve_and_lose(*arguments):
        found = resolve(*arguments)
        os.unlink(found.path)
        return found

    monkeypatch.setattr(service.catalogue, "resolve", resolve_and_lose)
    got = client.get("/debian/linux")
    assert got.status_code == 404
    assert b"No such file" in got.data
    assert isinstance(events(service)[0], TransferRefused)


def test_a_fifo_in_the_files_place_holds_nobody(client, service, plan, monkeypatch):
    resolve = service.catalogue.resolve

    def resolve_and_swap(*arguments):
        found = resolve(*arguments)
        os.unlink(found.path)
        os.mkfifo(found.path)
        return found

    monkeypatch.setattr(service.catalogue, "resolve", resolve_and_swap)
    assert client.get("/debian/linux").status_code == 404


def test_a_bug_is_one_line_and_logged(service, caplog):
    def broken(_):
        raise KeyError("secret")

    app = create_app(replace(service, requester=broken))
    got = app.test_client().get("/debian/linux")
    assert got.status_code == 500
    assert b"secret" not in got.data
    assert b"Traceback" not in got.data
    assert "KeyError" in caplog.text


def test_the_plan_of_now_counts(client, service):
    service.catalogue.replace(Snapshot({MAC: Machine(mac=MAC, ip=IPv4Address("127.0.0.1"))}, {}))
    got = client.get("/debian/linux")
    assert (got.status_code, got.data) == (404, b"no such file\n")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])) | st.text("./\\%ab?#", max_size=12))
def test_any_name_is_answered(client, name):
    got = raw(client, "/" + name.encode().decode("latin-1"))
    assert got.status_code in (200, 403, 404)
    assert b"root:" not in got.data
