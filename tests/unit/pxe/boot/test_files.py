import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pxe.boot.files import FileRoot
from pxe.errors import RefusalReason, RequestRefused, ServiceError


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    base = tmp_path_factory.mktemp("files")
    (base / "secret").write_bytes(b"not for clients")
    (base / "root" / "boot" / "dtb").mkdir(parents=True)
    (base / "root" / "boot" / "Image").write_bytes(b"kernel")
    (base / "root" / "..name").write_bytes(b"dots")
    (base / "root" / "inside").symlink_to("boot/Image")
    (base / "root" / "folder").symlink_to("boot")
    (base / "root" / "outside").symlink_to("../secret")
    (base / "root" / "etc").symlink_to("/etc")
    (base / "root" / "loop").symlink_to("loop")
    (base / "root" / "dangling").symlink_to("nothing")
    os.mkfifo(base / "root" / "pipe")
    (base / "root" / os.fsdecode(b"gr\xfcn")).write_bytes(b"latin")
    return FileRoot(base / "root")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("boot/Image", b"kernel"),
        ("/boot/Image", b"kernel"),
        ("//boot//./Image", b"kernel"),
        ("\\boot\\Image", b"kernel"),
        ("inside", b"kernel"),
        ("folder/Image", b"kernel"),
        ("..name", b"dots"),
        (b"gr\xfcn".decode("utf-8", "surrogateescape"), b"latin"),
    ],
)
def test_names_below_the_root(root, name, content):
    resource = root.resolve(name)
    assert resource.path.read_bytes() == content
    assert resource.name == name


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", RefusalReason.NOT_FOUND),
        ("/", RefusalReason.NOT_FOUND),
        ("nothing", RefusalReason.NOT_FOUND),
        ("boot/Image/more", RefusalReason.NOT_FOUND),
        ("boot/dtb", RefusalReason.NOT_FOUND),
        ("boot/dtb/", RefusalReason.NOT_FOUND),
        ("dangling", RefusalReason.NOT_FOUND),
        ("/etc/shadow-of-nobody", RefusalReason.NOT_FOUND),
        ("../secret", RefusalReason.FORBIDDEN),
        ("boot/../boot/Image", RefusalReason.FORBIDDEN),
        ("..\\secret", RefusalReason.FORBIDDEN),
        ("boot/..", RefusalReason.FORBIDDEN),
        ("outside", RefusalReason.FORBIDDEN),
        ("etc/passwd", RefusalReason.FORBIDDEN),
        ("loop", RefusalReason.FORBIDDEN),
        ("pipe", RefusalReason.FORBIDDEN),
        ("boot/Image\0.png", RefusalReason.FORBIDDEN),
        ("a" * 300, RefusalReason.FORBIDDEN),
        ("a/" * 900, RefusalReason.FORBIDDEN),
        ("\ud800", RefusalReason.FORBIDDEN),
    ],
)
def test_names_that_are_refused(root, name, reason):
    with pytest.raises(RequestRefused) as refused:
        root.resolve(name)
    assert refused.value.reason is reason


PARTS = st.sampled_from(
    ["..", ".", "", "boot", "folder", "etc", "passwd", "Image", "outside", "secret", "\\", "\0"]
)


@settings(deadline=None)
@given(st.one_of(st.lists(PARTS, max_size=8).map("/".join), st.text(max_size=30)))
def test_no_name_leads_out(root, name):
    try:
        path = root.resolve(name).path
    except RequestRefused:
        return
    assert path.resolve().is_relative_to(root.path)
    assert path.is_file()


def test_a_file_that_may_not_be_read(root, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (tmp_path / "closed").write_bytes(b"x")
    (tmp_path / "closed").chmod(0)
    with pytest.raises(RequestRefused) as refused:
        FileRoot(tmp_path).resolve("closed")
    assert refused.value.reason is RefusalReason.FORBIDDEN


def test_a_root_that_is_none(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ServiceError, match="create the folder"):
        FileRoot(tmp_path / "nothing")
    with pytest.raises(ServiceError, match="not a folder"):
        FileRoot(tmp_path / "file")
