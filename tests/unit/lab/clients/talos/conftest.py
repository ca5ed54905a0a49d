import pytest

from lab.clients.talos import CertificateAuthority, MutualTls
from lab.testing.machine_server import client_of


@pytest.fixture(scope="session")
def authority() -> CertificateAuthority:
    return CertificateAuthority.create()


@pytest.fixture(scope="session")
def admin(authority: CertificateAuthority) -> MutualTls:
    return client_of(authority)
