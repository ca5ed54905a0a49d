import json
import os

import pytest
from click.testing import CliRunner

from lab.cli import main
from pxe.assets import Store

SITE = """\
service: {interface: eth1, address: 10.99.0.1/24, tftp: {}}
plans:
  linux: {kernel: {image: tiny/1.0/arm64}}
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the command line in an empty folder as a shell would: exit code and output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BOOTLAB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "vmlinuz").write_bytes(b"kernel")

    def run(*words):
        with pytest.raises(SystemExit) as end:
            main.main(["image", *words])
        captured = capsys.readouterr()
        return end.value.code, captured.out, captured.err

    return run


ADD = ("add", "tiny", "--version", "1.0", "--arch", "arm64", "kernel=vmlinuz")


def test_add_list_show_verify_rm_gc(run, tmp_path):
    status, out, err = run(*ADD)
    assert (status, out) == (0, "added tiny/1.0/arm64: kernel\n")
    assert "nothing upstream vouches for kernel" in err
    ((listed,),) = [json.loads(run("list", "--json")[1])]
    assert (listed["name"], listed["schema"]) == ("tiny", 1)
    assert "tiny/1.0/arm64" in run("list")[1]
    shown = json.loads(run("show", "tiny/1.0/arm64", "--json")[1])
    assert shown["parts"]["kernel"]["size"] == 6
    assert shown["parts"]["kernel"]["path"] in run("show", "tiny/1.0/arm64")[1]
    assert run("verify")[:2] == (0, "ok      tiny/1.0/arm64 kernel\n")
    assert run("rm", "tiny/1.0/arm64")[0] == 0
    assert json.loads(run("gc", "--dry-run", "--json")[1])["size"] == 6
    assert run("gc")[1].endswith("1 files and 0 builds, 0.0 MB freed\n")
    assert list(Store(tmp_path / "images").blobs.glob("??/*")) == []


def test_a_damaged_file_is_exit_code_1(run, tmp_path):
    run(*ADD)
    blob = next(Store(tmp_path / "images").blobs.glob("??/*"))
    blob.chmod(0o644)
    blob.write_bytes(b"kernal")
    status, out, err = run("verify", "tiny/1.0/arm64")
    assert status == 1
    assert "DAMAGED tiny/1.0/arm64 kernel" in out
    assert "its content has SHA-256" in err
    assert json.loads(run("verify", "--json")[1])[0]["ok"] is False


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ((*ADD, "--sha256", "kernel=" + "0" * 64), 1, "not added"),
        ((*ADD[:-1], "vmlinuz"), 2, "write PART=SOURCE"),
        ((*ADD, "kernel=vmlinuz"), 2, "given twice"),
        ((*ADD[:-1], "kernel=http://127.0.0.1:1/x"), 4, "refused"),
        (("show", "tiny/1.0/arm64"), 2, "there is no image"),
        (("show", "tiny"), 2, "write name/version/arch"),
        (("list", "-c", "none.yaml"), 2, "no such file"),
    ],
)
def test_faults_are_one_line_and_an_exit_code(run, words, status, said):
    found, _, err = run(*words)
    assert found == status
    assert said in err
    assert [line for line in err.splitlines() if line.startswith("bootlab: ")] == err.splitlines()[-1:]


def test_an_image_that_a_plan_uses_is_not_removed(run, tmp_path):
    (tmp_path / "lab.yaml").write_text(SITE)
    run(*ADD)
    status, _, err = run("rm", "tiny/1.0/arm64")
    assert (status, "used by plan linux" in err) == (2, True)
    assert run("rm", "--force", "tiny/1.0/arm64")[0] == 0


def test_help_names_every_command():
    out = CliRunner().invoke(main.cli, ["image", "--help"]).output
    assert all(word in out for word in ("add", "list", "show", "verify", "rm", "gc"))


def test_gc_removes_builds_that_were_not_used_for_long(run, tmp_path):
    build = tmp_path / "cache" / "refos" / "arm64" / "image-0"
    build.mkdir(parents=True)
    (build / "slot.img").write_bytes(b"x" * 4096)
    (build / "made").touch()
    os.utime(build / "made", (1_000_000_000, 1_000_000_000))
    run(*ADD)
    assert run("gc")[1].endswith("0 files and 0 builds, 0.0 MB freed\n")
    told = json.loads(run("gc", "--builds", "--dry-run", "--json")[1])
    assert [found["path"] for found in told["builds"]] == [str(build)]
    assert build.exists()
    assert "and 1 builds" in run("gc", "--builds")[1]
    assert not build.exists()
