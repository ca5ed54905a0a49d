"""Omaha's documents through libxml2, with which update_engine reads them: by its XPaths, and by our schema.

update_engine itself is not to be had (neither Debian nor PyPI nor npm has it).
"""

import contextlib
import subprocess
from pathlib import Path

import pytest

from lab.testing.updaters.flatcar import Flatcar
from lab.testing.updaters.scene import BEGIN, write_file
from lab.testing.updaters.steps import Answer, Ask, Chances, Witness
from lab.updates.config import read_settings
from lab.updates.payloads import hash_payloads, packages
from lab.updates.router import Asked, Router
from lab.updates.state import State
from lab.updates.store import Store

pytestmark = pytest.mark.interop
SCHEMA = Path(__file__).parents[4] / "docs" / "schemas" / "omaha.xsd"
# OmahaRequestAction::ParseResponse and what it calls
READ = {
    "/response/app/updatecheck/@status": "ok",
    "/response/app/updatecheck/@PollInterval": "3600",
    "/response/app/updatecheck/manifest/@version": "4700.1.0",
    "/response/app/updatecheck/urls/url/@codebase": "http://127.0.0.1:1/payloads/",
    "/response/app/updatecheck/manifest/packages/package/@name": "any-4700.1.0-update.gz",
    "/response/app/updatecheck/manifest/packages/package/@size": "10240",
    "/response/app/updatecheck/manifest/actions/action[@event='postinstall']/@IsDeltaPayload": "false",
}


def xmllint(document, *options):
    done = subprocess.run(["xmllint", *options, "-"], input=document, capture_output=True, timeout=60)
    assert done.returncode == 0, (done.stderr.decode(), document.decode())
    return done.stdout.decode()


@pytest.fixture(scope="module")
def exchange(tmp_path_factory):
    """Every request and response of five nodes that update, fail, roll back, and wait for each other."""
    path = write_file(tmp_path_factory.mktemp("updates"))
    path.write_text(
        path.read_text().replace("max_concurrent: 5", "max_concurrent: 1, poll_interval_seconds: 3600")
    )
    settings = read_settings(path)
    found = []
    with contextlib.closing(Store(settings.state)) as store:
        files = hash_payloads(settings.apps, settings.state, print)
        state = State(settings, packages(settings.apps, files, settings.url), store)
        state.load(BEGIN)
        router, now = Router(state), BEGIN
        for number in range(5):
            life = Flatcar(number, "4593.2.4", "stable", Witness(), Chances(download=0.4, boot=0.4)).life()
            answer = None
            for _ in range(40):
                step, answer, now = life.send(answer), None, now + 60
                if isinstance(step, Ask):
                    answered = router.answer(Asked("POST", step.path, step.body), now)
                    answer = Answer(answered.status, answered.body)
                    found.append((step.body, answered.body))
    return found


def test_requests_and_responses_fit_the_schema(exchange):
    kinds = b"".join(request for request, _ in exchange)
    assert b'errorcode="44"' in kinds
    assert b'eventtype="14"' in kinds
    assert any(b'status="noupdate"' in response for _, response in exchange)
    for document in {document for pair in exchange for document in pair}:
        xmllint(document, "--noout", "--schema", str(SCHEMA))


def test_update_engine_finds_what_it_needs(exchange):
    offer = next(response for _, response in exchange if b"<urls>" in response)
    for xpath, value in READ.items():
        assert xmllint(offer, "--xpath", f"string({xpath})").rstrip("\n") == value


def test_a_response_that_is_none_does_not_fit(exchange):
    offer = next(response for _, response in exchange if b"<urls>" in response)
    broken = offer.replace(b'size="10240"', b'size="0"')
    done = subprocess.run(
        ["xmllint", "--noout", "--schema", str(SCHEMA), "-"], input=broken, capture_output=True, timeout=60
    )
    assert done.returncode != 0
