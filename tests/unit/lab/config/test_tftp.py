"""The TFTP server's part of a site file."""

import pytest

from lab.config import load_site
from lab.errors import ConfigError
from pxe.settings import UploadSettings

HEAD = "service:\n  interface: eth1\n  address: 10.99.0.1/24\n  tftp:\n"


def load(tmp_path, *lines):
    (tmp_path / "lab.yaml").write_text(HEAD + "".join(f"    {line}\n" for line in lines))
    return load_site(tmp_path / "lab.yaml").service.tftp


def test_all_of_it(tmp_path):
    (tmp_path / "up").mkdir()
    tftp = load(
        tmp_path,
        "upload: {folder: up, max_bytes: 1000, overwrite: true}",
        "port_range: {first: 40000, last: 40255}",
        "rollover_to_1: [B8-27-EB]",
    )
    assert tftp.upload == UploadSettings(folder=tmp_path / "up", max_bytes=1000, overwrite=True)
    assert tftp.port_range == (40000, 40255)
    assert tftp.rollover_to_1 == ("b8:27:eb",)
    assert not tftp.single_port


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (
            ["port_range: {first: 5000, last: 4000}"],
            "lab.yaml:5: service.tftp.port_range.last: 4000 is before",
        ),
        (["single_port: true", "port_range: {first: 4000, last: 5000}"], "one port only"),
        (["upload: {folder: none}"], "there is no folder none"),
        (["root: pub", "upload: {folder: pub/up}"], "every client could read what others upload"),
        (["root: pub", "upload: {folder: pub}"], "every client could read what others upload"),
        (["port_range: {first: 69, last: 100}"], "1024"),
    ],
)
def test_what_cannot_work_is_said_with_its_line(tmp_path, lines, says):
    (tmp_path / "pub" / "up").mkdir(parents=True)
    with pytest.raises(ConfigError) as fault:
        load(tmp_path, *lines)
    assert says in str(fault.value)
