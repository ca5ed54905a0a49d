import importlib.util
import random
import sys
from pathlib import Path

import pytest

from pxe.boot.files import FileRoot

# import-mode importlib: helpers beside the tests are loaded by path, under a name of their own
_NAME = "tftp_client"
if _NAME not in sys.modules:
    spec = importlib.util.spec_from_file_location(_NAME, Path(__file__).with_name("tftp_client.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[_NAME] = module
    spec.loader.exec_module(module)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "file").write_bytes(random.Random(1).randbytes(100_000))
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.fixture
def serve(root):
    services = []

    def start(resolve=None, **options):
        files = FileRoot(root)
        services.append(
            sys.modules[_NAME].Service(resolve or (lambda name, _: files.resolve(name)), **options)
        )
        return services[-1]

    yield start
    for service in services:
        service.stop()
