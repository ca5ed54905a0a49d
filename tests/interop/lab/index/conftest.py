"""Two databases: SQLite, and a real PostgreSQL server."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.index import open_index
from lab.index.database import discard, parse_url
from lab.testing.postgres import Postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # pytest's own are too long for a Unix socket
    try:
        server = Postgres(folder)
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def clean_postgres(postgres: Postgres) -> Postgres:
    discard(parse_url(postgres.url))
    return postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/index.sqlite"
    return str(request.getfixturevalue("clean_postgres").url)


@pytest.fixture
def index(url: str):
    with open_index(url) as opened:
        yield opened


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results"
