"""What is saved is there after the process died; what cannot be saved is said."""

import sqlite3
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from pxe.boot.leases import Lease, LeaseState
from pxe.errors import ServiceError
from pxe.state import FILE_NAME, LeaseStore, open_state

A, B = "52:54:00:00:00:0a", "52:54:00:00:00:0b"


def lease(ip: int, mac: str, state: LeaseState = LeaseState.BOUND, expires: float = 1.8e9 + 0.25) -> Lease:
    return Lease(ip=IPv4Address("10.99.0.0") + ip, mac=mac, expires=expires, state=state)


@pytest.fixture
def engine(tmp_path: Path):
    engine = open_state(tmp_path / "deep" / "state")
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: Engine) -> LeaseStore:
    return LeaseStore(engine)


def by_ip(leases: list[Lease]) -> list[Lease]:
    return sorted(leases, key=lambda known: known.ip)


def read_again(engine: Engine) -> list[Lease]:
    """What another process would find, through a connection of its own."""
    other = open_state(Path(str(engine.url.database)).parent)
    try:
        return by_ip(LeaseStore(other).load())
    finally:
        other.dispose()


def test_leases_come_back_exactly(engine, store):
    saved = [lease(5, A), lease(6, B, LeaseState.RELEASED), lease(7, A, LeaseState.DECLINED)]
    store.save(saved)
    assert read_again(engine) == saved


def test_a_machine_has_one_lease(engine, store):
    store.save([lease(5, A)])
    store.save([lease(6, A)])
    assert read_again(engine) == [lease(6, A)]


def test_an_address_has_one_machine(engine, store):
    store.save([lease(5, A)])
    store.save([lease(5, B)])
    assert read_again(engine) == [lease(5, B)]


def test_a_declined_address_stays_when_its_machine_moves_on(engine, store):
    store.save([lease(5, A)])
    store.save([lease(5, A, LeaseState.DECLINED)])
    store.save([lease(6, A)])
    assert read_again(engine) == [lease(5, A, LeaseState.DECLINED), lease(6, A)]


def test_declining_an_offer_leaves_the_lease_of_another_address(engine, store):
    store.save([lease(5, A)])
    store.save([lease(6, A, LeaseState.DECLINED)])
    assert read_again(engine) == [lease(5, A), lease(6, A, LeaseState.DECLINED)]


def test_many_leases_are_one_transaction(engine, store):
    commits = []
    event.listen(engine, "commit", commits.append)
    store.save([lease(n, f"52:54:00:00:00:{n:02x}") for n in range(64)])
    assert len(commits) == 1
    assert len(read_again(engine)) == 64


def test_saving_nothing_touches_no_disk(engine, store):
    commits = []
    event.listen(engine, "commit", commits.append)
    store.save([])
    assert commits == []


def test_commits_reach_the_disk_before_they_return(engine):
    with engine.connect() as db:
        assert db.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert db.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2  # FULL


def test_a_full_disk_is_named_stores_nothing_and_passes(engine, store):
    store.save([lease(1, A)])
    pages = 1

    def no_more_room(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}").close()

    event.listen(engine, "checkout", no_more_room)  # SQLite then fails as on a full disk
    many = [lease(n, f"52:54:01:00:{n >> 8:02x}:{n & 255:02x}", expires=float(n)) for n in range(3, 2000)]
    with pytest.raises(ServiceError, match=rf"{FILE_NAME}: the disk is full; free some space"):
        store.save(many)
    assert store.load() == [lease(1, A)]
    pages = 10_000
    store.save(many)
    assert len(read_again(engine)) == 1998


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ServiceError, match=r"cannot make the state folder .*file/state: Not a directory"):
        open_state(tmp_path / "file" / "state")


def test_a_file_that_cannot_be_opened_is_named(tmp_path):
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(ServiceError, match=rf"{FILE_NAME} cannot be used .* check that we may write"):
        open_state(tmp_path)


def test_a_file_that_is_no_database_is_called_damaged(tmp_path):
    (tmp_path / FILE_NAME).write_bytes(b"not a database, but long enough to be one" * 100)
    with pytest.raises(ServiceError, match=r"damaged .* move it away and start again"):
        open_state(tmp_path)


def test_a_database_with_a_hole_is_called_damaged(tmp_path):
    engine = open_state(tmp_path)
    LeaseStore(engine).save([lease(n, f"52:54:00:00:00:{n:02x}") for n in range(200)])
    engine.dispose()
    path = tmp_path / FILE_NAME
    whole = path.read_bytes()
    assert len(whole) > 3 * 4096
    path.write_bytes(whole[:4096] + b"\xaa" * 8192 + whole[4096 + 8192 :])
    with pytest.raises(ServiceError, match="damaged"):
        open_state(tmp_path)


def test_a_lease_that_makes_no_sense_is_called_damage(engine, store):
    store.save([lease(5, A)])
    with engine.begin() as db:
        db.exec_driver_sql("UPDATE leases SET ip = 'nonsense'")
    with pytest.raises(ServiceError, match=r"damaged .*nonsense"):
        store.load()


def test_the_database_of_a_newer_version_is_left_alone(tmp_path):
    engine = open_state(tmp_path)
    with engine.begin() as db:
        db.exec_driver_sql("UPDATE schema SET version = 2")
    engine.dispose()
    with pytest.raises(ServiceError, match="has schema 2, this bootlab knows 1"):
        open_state(tmp_path)


def test_opening_twice_is_the_same_database(engine, store):
    store.save([lease(5, A)])
    for _ in range(2):
        assert read_again(engine) == [lease(5, A)]
