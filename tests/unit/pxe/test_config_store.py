"""Tokens and deliveries on disk: what survives, what is bounded, and what a full disk does."""

from ipaddress import IPv4Address

import pytest
from sqlalchemy import event, text

from pxe import config_store
from pxe.config_store import ConfigStore, Handover
from pxe.errors import RequestRefused, ServiceError
from pxe.events import DhcpReceived
from pxe.state import open_state

MAC, HERE = "52:54:00:00:00:01", IPv4Address("10.99.0.5")
HANDOVER = Handover(
    mac=MAC, plan="p", name="user-data", config_kind="nocloud", sha256="0" * 64, size=3, peer="10.99.0.5:1"
)


@pytest.fixture
def engine(tmp_path):
    engine = open_state(tmp_path)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine):
    return ConfigStore(engine)


def discover(store, firmware="uefi-pxe", mac=MAC):
    store.observe(DhcpReceived(t_ns=1, mac=mac, message="DISCOVER", xid=1, firmware=firmware))


def token(store):
    return store.url_path(MAC, HERE, "p").split("/")[1]


def test_a_token_is_on_disk_before_it_is_told(store, engine):
    discover(store)
    minted = token(store)
    reborn = ConfigStore(engine)
    grant = reborn.redeem(minted, HERE)
    reborn.check_secret(grant, "user-data")
    reborn.end(reborn.begin(HANDOVER), "complete", grant, "user-data")
    assert "user-data" in ConfigStore(engine).redeem(minted, HERE).used


def test_the_beginning_of_a_boot_is_on_disk_after_the_next_page_of_events(store, engine):
    discover(store)
    store.sink([])
    reborn = ConfigStore(engine)
    reborn.check_secret(reborn.redeem(token(reborn), HERE), "user-data")


@pytest.mark.parametrize("message", ["REQUEST", "INFORM", "RELEASE"])
def test_only_a_discover_begins_a_boot(store, message):
    store.observe(DhcpReceived(t_ns=1, mac=MAC, message=message, xid=1, firmware="uefi-pxe"))
    with pytest.raises(RequestRefused):
        store.check_secret(store.redeem(token(store), HERE), "user-data")


def test_a_database_that_fails_gives_no_token_and_is_tried_again(store, engine):
    with engine.begin() as db:
        db.execute(text("ALTER TABLE boots RENAME TO away"))
    with pytest.raises(ServiceError, match=r"state\.sqlite"):
        token(store)
    store.sink([])  # logs, and goes on
    with engine.begin() as db:
        db.execute(text("ALTER TABLE away RENAME TO boots"))
    store.sink([])
    with engine.connect() as db:
        assert db.execute(text("SELECT count(*) FROM boots")).scalar_one() == 1


def test_deliveries_are_bounded_and_newest_first(store, monkeypatch):
    monkeypatch.setattr(config_store, "DELIVERIES", 5)
    numbers = [store.begin(HANDOVER) for _ in range(12)]
    found = store.deliveries(100)
    assert [row["id"] for row in found] == numbers[:-6:-1]
    assert {row["outcome"] for row in found} == {"started"}
    assert len(store.deliveries(2)) == 2
    assert store.deliveries(100, "52:54:00:00:00:99") == []


def test_records_that_cannot_be_read_are_left_out(store, engine, caplog):
    minted = token(store)
    with engine.begin() as db:
        for number, body in enumerate(["", "{}", "[]", '{"seen": 1, "grant": {"address": "x"}}', "null"]):
            db.execute(text("INSERT INTO boots VALUES (:mac, :body)"), {"mac": f"m{number}", "body": body})
    assert ConfigStore(engine).redeem(minted, HERE).mac == MAC
    assert caplog.text.count("is left out") == 5


def test_nothing_is_written_where_nothing_changed(store, engine):
    written = []
    event.listen(engine, "before_cursor_execute", lambda *a: written.append(a[2]))
    store.sink([])
    first = token(store)
    count = len(written)
    assert count
    assert token(store) == first
    assert len(written) == count, "a script that is rendered again costs no write"
