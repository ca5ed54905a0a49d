"""A plan against its files: every error names its field, every warning is a sentence."""

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from pxe.boot.validate import uboot_objection, validate
from pxe.errors import PlanError
from pxe.plan import Action, Arch, Asset, BootPlan, Config, ConfigKind

IMAGE = b"\0" * 0x38 + b"ARMd" + b"\0" * 64
ZBOOT = b"MZ\0\0zimg" + b"\0" * 200
PE_X86_64 = b"MZ".ljust(0x3C, b"\0") + (0x40).to_bytes(4, "little") + b"PE\0\0\x64\x86" + b"\0" * 64
CPIO = b"070701" + b"0" * 100
DTB = b"\xd0\x0d\xfe\xed" + (64).to_bytes(4, "big") + b"\0" * 56


@pytest.fixture
def file(tmp_path):
    def make(name, content):
        path = tmp_path / name
        path.write_bytes(content)
        return Asset(name, path)

    return make


@pytest.fixture
def plan(file):
    return BootPlan(
        name="p",
        kernel=file("Image", IMAGE),
        initrd=file("initrd", CPIO),
        dtb=file("b.dtb", DTB),
        arch=Arch.ARM64,
    )


def test_a_sound_plan_has_no_warnings(plan):
    assert validate(plan) == ()


@pytest.mark.parametrize(
    ("field", "content", "words"),
    [
        ("kernel", b"text", "is no kernel that we know"),
        ("kernel", ZBOOT, "EFI zboot kernel, which U-Boot's booti cannot start"),
        ("kernel", gzip.compress(IMAGE, mtime=0), "is gzip"),
        ("initrd", b"text", "is no cpio archive"),
    ],
)
def test_what_may_not_boot_everywhere_is_a_warning(plan, file, field, content, words):
    (warning,) = validate(replace(plan, **{field: file("odd", content)}))
    assert warning.startswith(f"{field}: path ")
    assert words in warning


@pytest.mark.parametrize(
    ("field", "content", "words"),
    [
        ("kernel", PE_X86_64, "is an EFI program for x86_64; the plan's arch is arm64"),
        ("kernel", b"", "is empty"),
        ("initrd", b"", "is empty"),
        ("dtb", b"text", "is no device tree blob"),
        ("dtb", DTB[:40], "cut short"),
        ("loader", PE_X86_64, "for x86_64; the plan's arch is arm64"),
    ],
)
def test_what_cannot_boot_is_an_error(plan, file, field, content, words):
    with pytest.raises(PlanError, match=f"^{field}: path .*{words}"):
        validate(replace(plan, **{field: file("wrong", content)}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kernel": None, "initrd": None}, "^kernel: missing"),
        ({"tree": "relative"}, "^tree: path 'relative': write an absolute path"),
        ({"tree": "/nothing/here"}, "^tree: /nothing/here is not a folder"),
        ({"templates": {"lilo": "x"}}, "^templates: 'lilo': there are templates of"),
        ({"templates": {"ipxe": "{{ nonsense("}}, "^templates: ipxe"),
        ({"configs": (Config(kind=ConfigKind.TEXT, name="a"),)}, r"^configs\[0\]: give exactly one"),
        ({"cmdline": "a ; reboot"}, "^cmdline: the word ';'"),
        ({"cmdline": "a #b"}, "^cmdline: the word '#b'"),
        ({"cmdline": 'a "b'}, "^cmdline: a double quote is not closed"),
        ({"cmdline": "a ${b}"}, r"^cmdline: '\$'"),
        ({"then": "a b"}, "^then 'a b'"),
    ],
)
def test_words_that_cannot_be_are_errors(plan, change, words):
    if "tree" in change:
        change = {"tree": Path(change["tree"])}
    with pytest.raises(PlanError, match=words):
        validate(replace(plan, **change))


@pytest.mark.parametrize("digest", ["abc", "g" * 64, "0" * 63])
def test_a_sha256_has_its_form(plan, digest):
    with pytest.raises(PlanError, match=r"^kernel: sha256 .* 64 hexadecimal digits"):
        validate(replace(plan, kernel=replace(plan.kernel, sha256=digest)))


def test_a_plan_without_files_of_ours(plan, tmp_path):
    assert validate(BootPlan(name="p", action=Action.LOCAL)) == ()
    assert "serves nothing" in validate(replace(plan, action=Action.HOLD))[0]
    assert validate(BootPlan(name="p", tree=tmp_path)) == ()


def test_a_loader_needs_no_kernel_but_an_initrd_does(plan, file):
    loader = file("grub.efi", b"any NBP")
    assert validate(replace(plan, kernel=None, initrd=None, loader=loader)) == ()
    assert "nothing loads it" in validate(replace(plan, kernel=None, loader=loader))[0]


def test_what_no_uboot_can_start(plan, file):
    zboot = replace(plan, kernel=file("vmlinuz", ZBOOT))
    assert uboot_objection(plan) == ""
    assert "booti cannot start" in uboot_objection(zboot)
    assert uboot_objection(replace(zboot, loader=file("ipxe.efi", b"x"))) == ""
    assert uboot_objection(BootPlan(name="p", action=Action.LOCAL)) == ""
