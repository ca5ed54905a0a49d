"""Debian's installer: what is pulled, how it boots, and its answers."""

import shutil
import subprocess

import pytest

from lab.errors import UsageError
from lab.images import installer_directory
from lab.systems.debian import Debian
from lab.systems.debian.preseed import Answers, preseed
from lab.systems.interface import Ability, Level, Wanted

KEY = "ssh-ed25519 " + "A" * 68 + " me@desk"
WANTED = {"disk": "/dev/vda", "hostname": "web1", "user": "lab", "mirror": "http://10.99.0.1:8080/debian"}


def answers(**changes):
    return Answers(**{**WANTED, "key": KEY, **changes})


def test_every_line_is_an_answer_that_debconf_takes(tmp_path):
    if shutil.which("debconf-set-selections") is None:
        pytest.skip("no debconf-set-selections here: apt-get install debconf")
    path = tmp_path / "preseed.cfg"
    path.write_text(preseed(answers(packages=("tcpdump",), kernel="linux-image-cloud-amd64")))
    done = subprocess.run(["debconf-set-selections", "--checkonly", path], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_answers_that_matter():
    lines = preseed(answers(packages=("tcpdump",))).splitlines()
    assert "d-i mirror/http/hostname string 10.99.0.1:8080" in lines
    assert "d-i mirror/http/directory string /debian" in lines
    assert "d-i partman-auto/disk string /dev/vda" in lines
    assert "d-i pkgsel/include string openssh-server sudo tcpdump" in lines
    assert "d-i passwd/root-login boolean false" in lines
    assert "d-i pkgsel/run_tasksel boolean false" in lines
    (late,) = (line for line in lines if "late_command" in line)
    assert f"echo '{KEY}' >/target/home/lab/.ssh/authorized_keys" in late


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"disk": "vda"}, "disk 'vda': must be a device"),
        ({"disk": "/dev/vda; rm -rf /"}, "must be a device"),
        ({"hostname": "Web_1"}, "host name 'Web_1'"),
        ({"user": "root me"}, "user 'root me'"),
        ({"key": "-----BEGIN OPENSSH PRIVATE KEY-----"}, "must be the line of a public SSH key"),
        ({"key": f"{KEY}\nd-i passwd/root-login boolean true"}, "must be the line of a public SSH key"),
        ({"mirror": "https://deb.debian.org/debian"}, "must be a URL like http://"),
        ({"packages": ("a b",)}, "must be a package"),
    ],
    ids=["disk", "shell", "hostname", "user", "private", "line", "mirror", "package"],
)
def test_answers_that_cannot_be(changes, said):
    with pytest.raises(UsageError, match=said):
        answers(**changes)


@pytest.fixture
def image():
    folder, package = installer_directory("x86_64")
    if not folder.is_dir():
        pytest.skip(f"no installer here: apt-get install {package}")
    return {"kernel": (folder / "linux").resolve(), "initrd": (folder / "initrd.gz").resolve()}


def test_a_plan_that_installs(image, tmp_path):
    (tmp_path / "id.pub").write_text(KEY + "\n")
    wanted = Wanted(board="x86-q35-bios", extras={**WANTED, "key": str(tmp_path / "id.pub")})
    plan = Debian().plan("web1", image, wanted)
    assert plan.cmdline.startswith("console=ttyS0 auto=true priority=critical url={config}preseed.cfg")
    (config,) = plan.configs
    assert plan.cmdline.endswith(" --- console=ttyS0")
    assert (config.name, config.text) == ("preseed.cfg", preseed(answers()))


def test_without_a_disk_the_installer_asks_people(image):
    plan = Debian().plan("debian", image, Wanted(arch="x86_64"))
    assert plan.configs == ()
    assert "url=" not in plan.cmdline


def test_what_is_missing_is_named(image, tmp_path):
    with pytest.raises(UsageError, match="/dev/vda needs hostname, user, key, too"):
        Debian().plan("x", image, Wanted(arch="x86_64", extras={"disk": "/dev/vda"}))
    wanted = Wanted(arch="x86_64", extras={**WANTED, "key": str(tmp_path / "none")})
    with pytest.raises(UsageError, match="cannot be read as a public key"):
        Debian().plan("x", image, wanted)
    with pytest.raises(UsageError, match="'sid': the installer's answers are for bookworm, trixie"):
        Debian().pull(Wanted(version="sid", arch="x86_64"))


def test_what_is_pulled():
    package = Debian().pull(Wanted(arch="arm64"))
    assert package.package == "debian-installer-12-netboot-arm64"
    trixie = Debian().pull(Wanted(version="13", arch="x86_64"))
    assert trixie == Debian().pull(Wanted(version="trixie", arch="x86_64"))
    assert trixie.package == "debian-installer-13-netboot-amd64"
    assert "/images/13/amd64/text/" in trixie.parts["kernel"]
    mirror = Debian().pull(Wanted(arch="x86_64", upstream="http://10.99.0.1/debian/"))
    images = "http://10.99.0.1/debian/dists/bookworm/main/installer-amd64/current/images"
    assert mirror.parts["kernel"] == f"{images}/netboot/debian-installer/amd64/linux"
    assert mirror.promises.checksums == f"{images}/SHA256SUMS"


def test_what_it_cannot_and_where_it_boots():
    assert "in place" in Debian.cannot[Ability.ROLLBACK]
    assert Debian().support("x86-q35-bios").level is Level.RUN_HERE
    assert Debian().support("pine64-a64").level is Level.EXPECTED
    with pytest.raises(UsageError, match="there is no board 'toaster'"):
        Debian().support("toaster")
