"""What a Butane file takes from the author's disk, and what it may not."""

import os

import pytest

from lab.butane import translate
from lab.butane.files import Files, Refused

HEAD = "variant: flatcar\nversion: 1.1.0\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "secret").write_text("not for you")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "motd").write_text("hello\n")
    (tmp_path / "files-2").mkdir()
    (tmp_path / "files-2" / "x").write_text("of another folder")
    return tmp_path / "files"


@pytest.mark.parametrize(
    "name", ["../secret", "a/../../secret", "../files-2/x", "/../secret", "..", "./../files/../secret"]
)
def test_a_path_does_not_lead_out(folder, name):
    with pytest.raises(Refused, match="leads outside"):
        Files(folder).read(name)


def test_nor_does_a_link(folder):
    (folder / "link").symlink_to("../secret")
    (folder / "up").symlink_to("..")
    for name in ("link", "up/secret"):
        with pytest.raises(Refused, match="leads outside"):
            Files(folder).read(name)


def test_an_absolute_name_is_meant_below_the_folder(folder):
    assert Files(folder).read("/motd") == b"hello\n"


def test_other_things_than_files_are_refused_at_once(folder):
    os.mkfifo(folder / "pipe")
    for name, says in (("pipe", "is no file"), ("gone", "No such file"), (".", "Is a directory|is no file")):
        with pytest.raises(Refused, match=says):
            Files(folder).read(name)


def test_without_a_folder_nothing_is_read():
    text = HEAD + "storage: {files: [{path: /a, contents: {local: motd}}], trees: [{local: t}]}\n"
    found = translate(text)
    assert [f.where for f in found.errors] == ["storage.files[0].contents.local", "storage.trees[0].local"]
    assert "--files-dir" in found.errors[0].message


def test_a_link_in_a_tree_becomes_a_link(folder):
    (folder / "tree").mkdir()
    (folder / "tree" / "link").symlink_to("/etc/shadow")
    found = translate(HEAD + "storage: {trees: [{local: tree, path: /opt}]}\n", folder)
    assert found.config["storage"] == {"links": [{"path": "/opt/link", "target": "/etc/shadow"}]}


def test_what_a_tree_meets_that_is_there_already_is_said(folder):
    (folder / "tree").mkdir()
    for name in ("a", "b", "c"):
        (folder / "tree" / name).write_text(name)
    text = HEAD + (
        "storage:\n  trees: [{local: tree, path: /opt}]\n"
        "  files: [{path: /opt/a, contents: {inline: x}}, {path: /opt/b, mode: 0600}]\n"
        "  directories: [{path: /opt/c}]\n"
    )
    found = translate(text, folder)
    assert sorted(f.message.split()[0] for f in found.errors) == ["/opt/a", "/opt/c"]


def test_keys_of_a_user_are_lines_of_a_file(folder):
    (folder / "keys").write_bytes(b"ssh-ed25519 A a\r\n\r\nssh-ed25519 B b")
    text = (
        HEAD + "passwd: {users: [{name: core, ssh_authorized_keys: [X], ssh_authorized_keys_local: [keys]}]}"
    )
    (user,) = translate(text, folder).config["passwd"]["users"]
    assert user["sshAuthorizedKeys"] == ["X", "ssh-ed25519 A a", "ssh-ed25519 B b"]


def test_a_unit_is_text(folder):
    (folder / "unit").write_bytes(b"[Service]\nExecStart=\xff\n")
    text = HEAD + "systemd: {units: [{name: a.service, contents_local: unit}]}\n"
    (finding,) = translate(text, folder).errors
    assert (finding.place.line, finding.place.column, finding.message) == (3, 53, "not UTF-8 at byte 20")
