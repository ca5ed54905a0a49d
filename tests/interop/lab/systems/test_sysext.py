"""Our extensions in the hands of Debian's systemd-sysext: which host takes which."""

import shutil
import subprocess

import pytest

from lab.systems.sysext import Release, build, source_of

pytestmark = pytest.mark.interop

# A mount namespace of its own, in which /run is a mount of its own, as systemd-sysext wants it
_SCRIPT = """\
mount -t tmpfs tmpfs /run
systemd-sysext --root="$1" list --no-legend
systemd-sysext --root="$1" merge
"""


@pytest.fixture
def host(tmp_path):
    for program in ("systemd-sysext", "unshare", "unsquashfs", "mksquashfs"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    root = tmp_path / "root"
    (root / "usr" / "lib").mkdir(parents=True)
    (root / "usr" / "lib" / "os-release").write_text("ID=flatcar\nVERSION_ID=4593.2.4\nSYSEXT_LEVEL=1.0\n")
    (root / "etc" / "extensions").mkdir(parents=True)
    return root


def merged(host, tmp_path, release):
    """What systemd-sysext says of an image of ours; unpacked, for an ordinary user has no loop device."""
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\n")
    build("hello", release, [source_of(f"{tool}:/usr/bin/hello")], tmp_path / "hello.raw")
    argv = ["unsquashfs", "-quiet", "-no-progress", "-d", str(host / "etc" / "extensions" / "hello")]
    subprocess.run([*argv, str(tmp_path / "hello.raw")], capture_output=True, check=True, timeout=60)
    argv = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _SCRIPT, "sh", str(host)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    if "unshare" in done.stderr:
        pytest.skip(f"no namespaces here: {done.stderr.strip()}")
    assert "hello" in done.stdout
    return done.stderr


@pytest.mark.parametrize(
    ("release", "taken"),
    [
        (Release(id="flatcar", level="1.0"), True),
        (Release(id="flatcar", version_id="4593.2.4"), True),
        (Release(id="_any"), True),
        (Release(id="flatcar", level="2.0"), False),
        (Release(id="flatcar", version_id="4593.2.3"), False),
        (Release(id="fedora", level="1.0"), False),
    ],
    ids=["level", "version", "any", "other-level", "other-version", "other-system"],
)
def test_the_host_takes_what_is_for_it_and_no_other(host, tmp_path, release, taken):
    said = merged(host, tmp_path, release)
    assert ("Using extensions 'hello'" in said) == taken, said
    assert taken or "No suitable extensions found" in said, said
