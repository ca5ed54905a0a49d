"""What can go wrong with a file; both databases' answers: tests/interop/lab/index."""

import subprocess
import sys

import pytest

from lab.errors import UsageError
from lab.index import IndexTrouble, fresh_index, open_index, refresh
from lab.testing.results import write_runs

# In namespaces of its own, where it may mount: a small tmpfs is a real full disk.
FULL = """
import pathlib, sys
from lab.index import open_index
from lab.index.database import IndexTrouble
from lab.testing.results import write_runs
write_runs(pathlib.Path(sys.argv[2]), 200, 5)
try:
    with open_index(f"sqlite:///{sys.argv[1]}/index.sqlite") as index:
        index.ingest(pathlib.Path(sys.argv[2]))
except IndexTrouble as trouble:
    print(trouble)
"""


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://host/x", "sqlite", "oracle://me:secret@host/x"])
def test_what_is_no_index(url):
    with pytest.raises(UsageError, match="no URL of a database that we know: write sqlite:////path") as told:
        open_index(url)
    assert "secret" not in str(told.value)


def test_a_damaged_file_is_told_and_made_again(tmp_path):
    write_runs(tmp_path / "results", 2, 1)
    file = tmp_path / "index.sqlite"
    url = f"sqlite:///{file}"
    assert refresh(url, tmp_path / "results") == ()
    file.write_bytes(b"no database at all " * 500)
    (warning,) = refresh(url, tmp_path / "results")
    assert "file is not a database; `bootlab results index --rebuild` makes it again" in warning
    with fresh_index(url, tmp_path / "results") as (index, warnings):
        assert (len(index.runs()), warnings) == (2, (warning,)), "answered all the same, from memory"
    with open_index(url, anew=True) as index:
        assert index.ingest(tmp_path / "results").new == 2


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(IndexTrouble, match="unable to open database file: is its folder there"):
        open_index(f"sqlite:///{tmp_path}/no/index.sqlite")


def test_no_results_yet(tmp_path):
    with open_index(f"sqlite:///{tmp_path}/index.sqlite") as index:
        assert index.ingest(tmp_path / "nothing").new == 0
        assert index.runs() == []


def test_a_full_disk(tmp_path):
    (tmp_path / "small").mkdir()
    mount = 'mount -t tmpfs -o size=300k none "$1" && exec "$2" -c "$3" "$1" "$4"'
    words = [str(tmp_path / "small"), sys.executable, FULL, str(tmp_path / "results")]
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", mount, "sh", *words], capture_output=True, text=True, timeout=120
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no mount namespace here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert "full; free some space. The records are safe" in done.stdout
