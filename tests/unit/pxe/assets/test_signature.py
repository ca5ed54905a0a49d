"""Real keys, real signatures: made by gpg in the test, checked by gpgv."""

import shutil
import subprocess

import pytest

from pxe.assets.signature import check_detached, is_clear_signed, open_clear_signed
from pxe.errors import ChecksumError, PlanError

pytestmark = pytest.mark.skipif(
    not (shutil.which("gpg") and shutil.which("gpgv")), reason="apt-get install gpg gpgv"
)


class Signer:
    def __init__(self, home):
        home.mkdir(mode=0o700)
        self.home = home

    def gpg(self, *words):
        argv = ["gpg", "--homedir", str(self.home), "--batch", "--yes", "--pinentry-mode", "loopback"]
        return subprocess.run([*argv, "--passphrase", "", *words], check=True, capture_output=True).stdout

    def key(self, name, expires="0", *more):
        self.gpg(*more, "--quick-generate-key", f"{name} <{name}@example.org>", "ed25519", "sign", expires)
        lines = self.gpg("--list-keys", "--with-colons", name).decode().splitlines()
        return next(line.split(":")[9] for line in lines if line.startswith("fpr"))


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    made = Signer(tmp_path_factory.mktemp("gnupg") / "home")
    yield made
    subprocess.run(
        ["gpgconf", "--homedir", str(made.home), "--kill", "all"], check=False, capture_output=True
    )


@pytest.fixture(scope="module")
def keys(signer):
    return {name: signer.key(name) for name in ("publisher", "stranger")}


@pytest.fixture
def signed(signer, keys, tmp_path):
    file = tmp_path / "linux"
    file.write_bytes(b"kernel" * 1000)
    signer.gpg("-u", "publisher", "--output", str(tmp_path / "linux.sig"), "--detach-sign", str(file))
    keyring = tmp_path / "publisher.gpg"
    keyring.write_bytes(signer.gpg("--export", "publisher"))
    (tmp_path / "scratch").mkdir()
    return file, tmp_path / "linux.sig", keyring, tmp_path / "scratch"


def test_a_good_signature(signed, keys):
    assert check_detached(*signed) == keys["publisher"]


def test_an_armoured_keyring_and_signature(signer, signed, keys, tmp_path):
    file, _, _, scratch = signed
    keyring, signature = tmp_path / "publisher.asc", tmp_path / "linux.asc"
    keyring.write_bytes(signer.gpg("--armor", "--export", "publisher"))
    signer.gpg("-u", "publisher", "--armor", "--output", str(signature), "--detach-sign", str(file))
    assert check_detached(file, signature, keyring, scratch) == keys["publisher"]


def test_a_changed_byte(signed):
    signed[0].write_bytes(b"Kernel" * 1000)
    with pytest.raises(ChecksumError, match="does not fit the file"):
        check_detached(*signed)


def test_a_key_that_is_not_in_the_keyring(signer, signed, tmp_path):
    file, _, keyring, scratch = signed
    other = tmp_path / "other.sig"
    signer.gpg("-u", "stranger", "--output", str(other), "--detach-sign", str(file))
    with pytest.raises(ChecksumError, match="a key that is not in the keyring"):
        check_detached(file, other, keyring, scratch)


def test_a_key_that_has_expired(signer, signed, tmp_path):
    file, _, _, scratch = signed
    then = "20200101T000000"
    signer.key("past", "1d", "--faked-system-time", then)
    signature, keyring = tmp_path / "past.sig", tmp_path / "past.gpg"
    words = ("-u", "past", "--output", str(signature), "--detach-sign", str(file))
    signer.gpg("--faked-system-time", then, *words)
    keyring.write_bytes(signer.gpg("--export", "past"))
    with pytest.raises(ChecksumError, match="has expired"):
        check_detached(file, signature, keyring, scratch)


def test_a_clear_signed_list(signer, signed, keys, tmp_path):
    text, clear = tmp_path / "DIGESTS", tmp_path / "DIGESTS.asc"
    text.write_text("# SHA512 HASH\n- dashed\nabc  linux\n")
    signer.gpg("-u", "publisher", "--output", str(clear), "--clear-sign", str(text))
    assert is_clear_signed(clear)
    assert not is_clear_signed(text)
    content, fingerprint = open_clear_signed(clear, signed[2], signed[3])
    assert content.rstrip() == text.read_text().rstrip()
    assert fingerprint == keys["publisher"]
    clear.write_text(clear.read_text().replace("abc", "abd"))
    with pytest.raises(ChecksumError, match="does not fit"):
        open_clear_signed(clear, signed[2], signed[3])


@pytest.mark.parametrize("content", [b"", b"no signature", b"-----BEGIN PGP SIGNATURE-----\n"])
def test_what_is_no_signature(signed, content):
    signed[1].write_bytes(content)
    with pytest.raises(ChecksumError, match="not a valid signature"):
        check_detached(*signed)


def test_keyrings_that_are_none(signed, tmp_path):
    file, signature, _, scratch = signed
    with pytest.raises(PlanError, match="No such file"):
        check_detached(file, signature, tmp_path / "none.gpg", scratch)
    broken = tmp_path / "broken.asc"
    broken.write_bytes(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n!!!\n-----END PGP PUBLIC KEY BLOCK-----\n")
    with pytest.raises(PlanError, match="damaged ASCII armour"):
        check_detached(file, signature, broken, scratch)
