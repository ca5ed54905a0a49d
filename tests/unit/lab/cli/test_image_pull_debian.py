"""`bootlab image pull debian` from a mirror: Debian's own installer, laid out as a mirror has it."""

import functools
import hashlib
import http.server
import threading

import pytest

from lab.cli import main
from lab.config import load_site
from lab.images import installer_directory

IMAGES = "dists/trixie/main/installer-amd64/current/images"
KEY = "ssh-ed25519 " + "A" * 68 + " me@desk"
SITE = "service: {interface: eth1, address: 10.99.0.1/24, tftp: {}, http: {}}\n"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        pass


@pytest.fixture
def mirror(tmp_path):
    """The URL of a mirror, and its folder of images."""
    folder, package = installer_directory("x86_64")
    if not folder.is_dir():
        pytest.skip(f"no installer here: apt-get install {package}")
    images = tmp_path / "mirror" / IMAGES
    (images / "netboot/debian-installer/amd64").mkdir(parents=True)
    sums = ""
    for name in ("linux", "initrd.gz"):
        place = f"netboot/debian-installer/amd64/{name}"
        data = (folder / name).read_bytes()
        (images / place).write_bytes(data)
        sums += f"{hashlib.sha256(data).hexdigest()}  ./{place}\n"
    (images / "SHA256SUMS").write_text(sums)
    handler = functools.partial(Quiet, directory=str(tmp_path / "mirror"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", images
        server.shutdown()
        thread.join()


def pull(url, capsys):
    words = f"image pull debian --release 13 --board x86-q35-bios --upstream {url}"
    with pytest.raises(SystemExit) as end:
        main.main(
            [
                *words.split(),
                "--disk",
                "/dev/vda",
                "--hostname",
                "web1",
                "--user",
                "lab",
                "--key",
                "id.pub",
                "--kernel",
                "linux-image-cloud-amd64",
            ]
        )
    captured = capsys.readouterr()
    return end.value.code, captured.out, captured.err


def test_debian_13_is_installed_by_what_is_printed(mirror, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "id.pub").write_text(KEY + "\n")
    status, out, err = pull(mirror[0], capsys)
    assert status == 0, err
    (tmp_path / "lab.yaml").write_text(SITE + out)
    (plan,) = load_site(tmp_path / "lab.yaml").plans
    assert plan.cmdline.endswith(" --- console=ttyS0")
    (answers,) = plan.configs
    assert "d-i mirror/suite string trixie\n" in answers.text
    assert "d-i base-installer/kernel/override-image string linux-image-cloud-amd64\n" in answers.text


def test_a_kernel_that_is_not_the_list_s(mirror, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "id.pub").write_text(KEY + "\n")
    with (mirror[1] / "netboot/debian-installer/amd64/linux").open("ab") as file:
        file.write(b"x")
    status, out, err = pull(mirror[0], capsys)
    assert (status, out) == (1, ""), err
    assert "linux" in err
