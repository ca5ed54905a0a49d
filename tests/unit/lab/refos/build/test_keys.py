"""The authority: made once, private, and not another's."""

import stat

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from lab.errors import InfrastructureError
from lab.refos.build.keys import signing_keys


def certificate(path):
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_keys_are_made_once_and_readable_to_their_owner_alone(tmp_path):
    keys = signing_keys(tmp_path / "keys")
    before = keys.key.read_bytes()
    assert signing_keys(tmp_path / "keys").key.read_bytes() == before
    private = [path for path in keys.folder.iterdir() if path.name.endswith("key.pem")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}
    assert len(private) == 2
    assert stat.S_IMODE(keys.folder.stat().st_mode) == 0o700


def test_the_signer_is_the_authoritys(tmp_path):
    keys, foreign = signing_keys(tmp_path / "one"), signing_keys(tmp_path / "two")
    certificate(keys.certificate).verify_directly_issued_by(certificate(keys.keyring))
    with pytest.raises(InvalidSignature):
        certificate(keys.certificate).verify_directly_issued_by(certificate(foreign.keyring))


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InfrastructureError, match="file/keys"):
        signing_keys(tmp_path / "file" / "keys")
