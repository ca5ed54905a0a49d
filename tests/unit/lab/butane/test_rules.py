"""What Butane objects to by rules of its own, and modes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.butane import translate
from lab.butane.modes import probably_decimal

SEALED = "boot_device: {luks: {tpm2: true}}"


@pytest.mark.parametrize(
    ("version", "text", "where", "says"),
    [
        ("1.1.0", "storage: {filesystems: [{device: /dev/a, with_mount_unit: true}]}", "format", "needs it"),
        (
            "1.3.0",
            "storage: {filesystems: [{device: /dev/a, format: swap, with_mount_unit: true}]}",
            "path",
            "needs it",
        ),
        (
            "1.6.0",
            "storage: {filesystems: [{device: /dev/a, format: xfs, path: /srv, with_mount_unit: true}]}",
            "path",
            "under /etc or /var",
        ),
        ("1.3.0", "boot_device: {layout: x, luks: {tpm2: true}}", "layout", "aarch64, ppc64le, x86_64"),
        (
            "1.5.0",
            "boot_device: {layout: s390x-virt, luks: {tpm2: true}}",
            "layout",
            "'s390x-virt' is none of",
        ),
        ("1.6.0", "boot_device: {layout: s390x-eckd, luks: {tpm2: true}}", "layout", "/dev/dasda"),
        ("1.6.0", "boot_device: {luks: {cex: {enabled: true}, tpm2: true}}", "cex", "s390x"),
        ("1.6.0", "boot_device: {luks: {cex: {enabled: true}, tpm2: true}}", "luks", "excludes"),
        (
            "1.6.0",
            "boot_device: {layout: s390x-virt, mirror: {devices: [/dev/a, /dev/b]}}",
            "layout",
            "cannot mirror",
        ),
        ("1.3.0", "boot_device: {layout: aarch64, mirror: {devices: [/dev/a]}}", "devices", "two devices"),
        ("1.5.0", "grub: {users: [{name: root}]}", "password_hash", "is missing"),
        ("1.5.0", "storage: {files: [{path: /a, mode: 644}]}", "mode", "write 0644"),
        ("1.0.0", "storage: {files: [{path: /a, mode: 04755}]}", "mode", "before spec 3.6"),
        (
            "1.0.0",
            "storage: {disks: [{device: /dev/a, partitions: [{number: 5, label: root}]}]}",
            "label",
            "number 4",
        ),
        (
            "1.3.0",
            "storage: {disks: [{device: /dev/a, partitions: [{number: 4, label: root, size_mib: 9}]}]}",
            "size_mib",
            "8192",
        ),
        (
            "1.3.0",
            "storage: {disks: [{device: /dev/a, partitions: [{number: 4, label: root}, {label: x}]}]}",
            "label",
            "cannot grow",
        ),
        (
            "1.6.0",
            "storage: {disks: [{device: /dev/a, partitions: [{label: x}]}]}",
            "partitions[0].number",
            "is needed to reuse",
        ),
    ],
)
def test_each_rule(version, text, where, says):
    found = translate(f"variant: fcos\nversion: {version}\n{text}\n").findings
    assert any(f.where.endswith(where) and says in f.message for f in found), found


def test_flatcar_has_no_clevis():
    text = (
        "variant: flatcar\nversion: 1.1.0\nstorage: {luks: [{name: a, device: /dev/a, clevis: {tpm2: true}}]}"
    )
    (finding,) = translate(text).errors
    assert "no Clevis" in finding.message


def test_flatcar_has_no_boot_device():
    found = translate(f"variant: flatcar\nversion: 1.1.0\n{SEALED}\n")
    assert [f.unknown for f in found.findings] == [True]
    assert set(found.config) == {"ignition"}


@pytest.mark.parametrize(
    ("mode", "folder", "slip"),
    [
        *((644, False, True), (755, False, True), (0o644, False, False), (0o755, False, False)),
        *((0, False, False), (600, False, True), (0o600, False, False), (4755, False, True)),
        *((755, True, True), (0o755, True, False), (1777, True, True), (0o1777, True, False)),
        *((888, False, False), (99999, False, False), (-1, False, False), (700, True, True)),
    ],
)
def test_modes_in_decimal(mode, folder, slip):
    assert probably_decimal(mode, folder=folder) is slip


@given(st.integers(-10, 10000), st.booleans())
def test_no_mode_that_is_usual_is_called_a_slip(mode, folder):
    slip = probably_decimal(mode, folder=folder)
    assert not (slip and probably_decimal(int(str(mode), 8), folder=folder))
