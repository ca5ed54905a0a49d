import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

# import-mode importlib: helpers beside the tests are loaded by path, under a name of their own
_NAME = "service_running"
if _NAME not in sys.modules:
    spec = importlib.util.spec_from_file_location(_NAME, Path(__file__).with_name("running.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[_NAME] = module
    spec.loader.exec_module(module)
running = sys.modules[_NAME]


@pytest.fixture
def curl():
    path = shutil.which("curl")
    if path is None:
        pytest.skip("curl is not installed")
    return path


@pytest.fixture
def make_service(tmp_path):
    """Makes services (not started) that are gone after the test, however it ends."""
    made = []

    def make(size=8 << 20, folder=None, **options):
        folder = folder or tmp_path
        folder.mkdir(exist_ok=True)
        kernel = running.sparse(folder / "kernel", size)
        made.append(running.Running(folder, kernel=kernel, **options))
        return made[-1]

    yield make
    for service in made:
        service.kill()


@pytest.fixture
def service(make_service):
    return make_service().start()


@pytest.fixture
def visit(browser):
    """Open a page; what its console complains of fails the test, unless it is `tolerated`."""
    complaints, contexts = [], []

    def open_(address, tolerated=None, **options):
        context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(running.WAIT_MS)

        def complain(said):
            if said.type == "error" and (tolerated is None or tolerated not in said.text):
                complaints.append(said.text)

        page.on("console", complain)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []
