"""System extensions: what is in the image, the same bytes each time, and what is refused."""

import os
import shutil
import subprocess

import pytest
import yaml
from click.testing import CliRunner

from lab.butane import translate
from lab.cli.sysext import sysext
from lab.errors import UsageError
from lab.systems.sysext import Release, build, source_of

HOST = Release(id="flatcar", level="1.0")
pytestmark = pytest.mark.skipif(shutil.which("mksquashfs") is None, reason="apt-get install squashfs-tools")


@pytest.fixture
def tool(tmp_path):
    path = tmp_path / "hello"
    path.write_text("#!/bin/sh\necho hello\n")
    path.chmod(0o700)
    return path


def listing(image):
    argv = ["unsquashfs", "-lln", "-d", "", str(image)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    rows = [line.split() for line in done.stdout.splitlines() if line[:1] in "d-l"]
    return {row[5]: (row[0], row[1]) for row in rows if len(row) > 5}


def content(image, name):
    argv = ["unsquashfs", "-cat", str(image), name]
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout


def test_an_image_has_the_files_of_root_and_says_for_whom_it_is(tool, tmp_path):
    image = tmp_path / "hello.raw"
    build(
        "hello",
        Release(id="flatcar", level="1.0", arch="x86_64"),
        [source_of(f"{tool}:/usr/bin/hello")],
        image,
    )
    found = listing(image)
    assert found["/usr/bin/hello"] == ("-rwxr-xr-x", "0/0")
    assert found["/usr/bin"] == ("drwxr-xr-x", "0/0")
    release = "/usr/lib/extension-release.d/extension-release.hello"
    assert content(image, release.lstrip("/")) == "ID=flatcar\nSYSEXT_LEVEL=1.0\nARCHITECTURE=x86-64\n"


def test_the_same_files_give_the_same_bytes(tool, tmp_path):
    tree = tmp_path / "tree"
    (tree / "usr" / "share").mkdir(parents=True)
    (tree / "usr" / "share" / "b").write_text("b")
    (tree / "usr" / "share" / "a").symlink_to("b")
    images = []
    for number, mask in enumerate((0o022, 0o077)):
        os.utime(tree / "usr" / "share" / "b", (number, number))
        before = os.umask(mask)
        try:
            images.append(tmp_path / f"{number}.raw")
            build("x", HOST, [source_of(str(tree)), source_of(f"{tool}:/usr/bin/hello")], images[-1])
        finally:
            os.umask(before)
    assert images[0].read_bytes() == images[1].read_bytes()
    assert listing(images[0])["/usr/share/a"][0] == "lrwxrwxrwx"


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("gone:/usr/bin/x", "no such file"),
        ("{tool}", "say where it goes"),
        ("{tool}:/etc/x", "below /usr and /opt only"),
        ("{tool}:/usr/../etc/x", "below /usr and /opt only"),
    ],
)
def test_what_cannot_be_in_it_is_said(tool, word, says):
    with pytest.raises(UsageError, match=says):
        source_of(word.format(tool=tool))


def test_files_that_a_host_would_refuse_are_said(tool, tmp_path):
    tree = tmp_path / "tree"
    (tree / "usr" / "lib").mkdir(parents=True)
    (tree / "usr" / "lib" / "os-release").write_text("ID=x\n")
    for words, says in (
        ([str(tree)], "os-release"),
        ([f"{tool}:/usr/bin/a", f"{tool}:/usr/bin/a"], "something at its place"),
        ([str(tmp_path)], "/files|/hello|/tree"),
    ):
        with pytest.raises(UsageError, match=says):
            build("x", HOST, [source_of(word) for word in words], tmp_path / "x.raw")
    os.mkfifo(tree / "usr" / "pipe")
    with pytest.raises(UsageError, match="files, folders and links only"):
        build("x", HOST, [source_of(str(tree))], tmp_path / "x.raw")
    assert not (tmp_path / "x.raw").exists()


@pytest.mark.parametrize(
    ("release", "says"),
    [
        (Release(id="flatcar"), "--sysext-level"),
        (Release(id=""), "--id flatcar"),
        (Release(id="a\nb", level="1"), "letters"),
        (Release(id="a", level="1", arch="sparc"), "none of"),
    ],
)
def test_a_release_that_no_host_would_take_is_said(release, says):
    with pytest.raises(UsageError, match=says):
        release.text()


def test_the_butane_that_is_printed_is_one(tool, tmp_path):
    words = ["build", "hello", f"{tool}:/usr/bin/hello", "--version", "1.2", "--sysext-level", "1.0"]
    done = CliRunner().invoke(sysext, [*words, "-o", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert yaml.safe_load(done.stdout)["variant"] == "flatcar"
    found = translate(done.stdout)
    assert [finding.message for finding in found.findings] == []
    (file,) = found.config["storage"]["files"]
    assert file["contents"]["source"] == "http://{server}/hello-1.2.raw"
    assert (tmp_path / "out" / "hello-1.2.raw").is_file()
