import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pxe.assets.sums import checksum, find_checksum
from pxe.errors import PlanError

A, B, C = "a" * 64, "b" * 64, "c" * 64
LIST = f"""\
{A}  ./netboot/debian-installer/arm64/linux
{B} *./cdrom/linux
{C}  initrd.gz
"""
DIGESTS = f"""\
# MD5 HASH
{"1" * 32}  flatcar_production_pxe.vmlinuz
# SHA1 HASH
{"2" * 40}  flatcar_production_pxe.vmlinuz
# SHA512 HASH
{"3" * 128}  flatcar_production_pxe.vmlinuz
"""


@pytest.mark.parametrize(
    ("source", "digest"),
    [
        ("https://example.org/images/netboot/debian-installer/arm64/linux", A),
        ("https://example.org/images/cdrom/linux?x=1", B),
        ("/srv/initrd.gz", C),
        ("initrd.gz", C),
    ],
)
def test_the_longest_name_that_fits_is_the_one(source, digest):
    assert find_checksum(LIST, source, "SHA256SUMS").digest == digest


def test_sha512_counts_and_md5_does_not():
    found = find_checksum(DIGESTS, "https://x/flatcar_production_pxe.vmlinuz", "the list")
    assert (found.algorithm, found.digest) == ("sha512", "3" * 128)


def test_bsd_style():
    assert find_checksum(f"SHA256 (linux) = {A.upper()}", "linux", "the list").digest == A


@pytest.mark.parametrize("source", ["linux", "https://x/other", "https://x/my-initrd.gz"])
def test_a_file_that_is_not_in_the_list(source):
    with pytest.raises(PlanError, match="says nothing of"):
        find_checksum(LIST, source, "SHA256SUMS")


def test_two_checksums_for_one_name():
    with pytest.raises(PlanError, match="two different checksums"):
        find_checksum(f"{A}  linux\n{B}  linux\n", "linux", "the list")


@pytest.mark.parametrize("text", ["", "abc", "g" * 64, "a" * 32, "٣" * 64])
def test_what_is_no_checksum(text):
    with pytest.raises(PlanError, match="no SHA-256"):
        checksum(text, "given")


@given(st.text(), st.text())
def test_any_list_and_name_give_a_checksum_or_one_error(listing, source):
    with contextlib.suppress(PlanError):
        assert find_checksum(listing, source, "list").algorithm in ("sha256", "sha512")
