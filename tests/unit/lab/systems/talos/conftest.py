"""A stand-in Image Factory on loopback."""

import pytest

from lab.testing.vendors.factory import Factory
from lab.testing.vendors.server import VendorServer


@pytest.fixture
def vendor():
    with VendorServer(Factory()) as server:
        yield server
