"""A database that goes away in the middle of a night: a warning, and nothing of the night is lost."""

import pytest

from lab.index import IndexTrouble, index_url, open_index, refresh
from lab.testing.postgres import Postgres
from lab.testing.results import write_runs

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("index")]


def test_the_server_is_killed_while_runs_are_taken_in(clean_postgres: Postgres, results):
    write_runs(results, 60, 20)  # three transactions
    with open_index(clean_postgres.url) as index:
        with pytest.raises(IndexTrouble, match="the records are safe, and the index takes them up") as told:
            index.ingest(results, lambda done, of: clean_postgres.stop())
        assert "postgresql+psycopg://bootlab@/postgres" in str(told.value)
        assert len(refresh(clean_postgres.url, results)) == 1, "a sentence, while it is away"
        clean_postgres.start()
        done = index.ingest(results)  # the same open index: it connects again
        assert (done.new + done.unchanged, len(index.runs())) == (60, 60)
        assert done.unchanged >= 25, "what was taken in before stays"


def test_a_server_that_is_restarted_between_two_questions(clean_postgres: Postgres, results):
    write_runs(results, 1, 1)
    with open_index(clean_postgres.url) as index:
        index.ingest(results)
        clean_postgres.stop()
        clean_postgres.start()
        assert len(index.runs()) == 1


def test_a_password_is_told_to_nobody(tmp_path):
    url = f"postgresql://me:secret@/x?host={tmp_path}"
    with pytest.raises(IndexTrouble, match=r"postgresql\+psycopg://me:\*\*\*@/x.* cannot be used") as told:
        open_index(url)
    assert "secret" not in str(told.value)


def test_the_variable_names_the_index(tmp_path, monkeypatch):
    monkeypatch.delenv("BOOTLAB_INDEX", raising=False)
    assert index_url(tmp_path) == f"sqlite:///{tmp_path}/index.sqlite"
    monkeypatch.setenv("BOOTLAB_INDEX", "postgresql:///lab")
    assert index_url(tmp_path) == "postgresql:///lab"
    assert index_url(tmp_path, "sqlite:///x") == "sqlite:///x"
