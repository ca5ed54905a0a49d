"""The running service says by itself why a machine does not boot."""

import subprocess

import pytest
from service_running import MAC, MACHINE, eventually

from pxe.events import FindingMade

pytestmark = pytest.mark.interop


def test_a_file_that_is_missing_becomes_a_finding_with_the_nearest_name(service, curl, tmp_path):
    subprocess.run(
        [curl, "-s", "--interface", MACHINE, f"tftp://127.0.0.1:{service.tftp_port}/vmlinux"],
        cwd=tmp_path,
        check=False,
    )

    def found():
        with service.client() as client:
            return [event for _, event in client.events(0) if isinstance(event, FindingMade)]

    (finding,) = eventually(found, 60)
    assert finding.mac == MAC
    assert finding.rule == "file-not-found"
    assert (
        finding.sentence
        == "The client asked this service for vmlinux, and there is no such file; there is vmlinuz."
    )
    eventually(lambda: finding.sentence in service.log)
    assert service.stop() == 0
    assert '"kind": "finding"' in service.events_file.read_text()
