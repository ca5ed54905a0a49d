"""What keeps `bootlab hostile` from sending a packet: it must be asked for in so many words."""

import pytest

from lab.cli.main import main


def run(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main(["hostile", *words])
    return ended.value.code, capsys.readouterr().err


def test_without_the_flag_nothing_is_made(capsys, tmp_path):
    code, said = run(capsys, "qemu1", "--results", str(tmp_path / "results"))
    assert code == 2
    assert "--i-own-this-firmware" in said
    assert not (tmp_path / "results").exists()


def test_unknown_kinds_are_refused(capsys):
    code, said = run(capsys, "qemu1", "--kinds", "dhcp,smtp", "--i-own-this-firmware")
    assert code == 2
    assert "name some of dhcp, tftp, http" in said
