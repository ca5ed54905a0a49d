"""Schemathesis against the running API: no 5xx, and no answer that /openapi.json does not say.

`make api-fuzz` runs it for longer: BOOTLAB_API_EXAMPLES says how many requests it makes up for each route.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from service_running import free_port

from lab.testing.runs import boots, written

pytestmark = pytest.mark.interop

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "unsupported_method",
)
ENDLESS = "stream$"  # tests/interop/pxe/service/test_stream.py
OWN_END = "delete_token"  # it reads the names of tokens and then removes the one that it comes with
LONGER = os.environ.get("BOOTLAB_API_EXAMPLES", "")
HOW = (
    ("--phases", "coverage,fuzzing", "--max-examples", LONGER)
    if LONGER
    else ("--phases", "fuzzing", "--max-examples", "5")
)


@pytest.mark.timeout(3600 if LONGER else 300)
def test_no_5xx_and_nothing_undocumented(make_service, tmp_path):
    written(tmp_path / "results", "20261122T100000Z-000001", boots(3))
    service = make_service(api_port=free_port()).start()
    with service.client() as client:
        token = client.ask("POST", "/tokens/fuzz", {"role": "admin"})[0]["token"]
    program = Path(sys.executable).with_name("schemathesis")
    argv = [str(program), "run", f"{service.api}/openapi.json", "--no-color", "--seed", "1"]
    argv += ["--checks", ",".join(CHECKS), "--exclude-path-regex", ENDLESS, "--exclude-operation-id", OWN_END]
    argv += [*HOW, "-H", f"Authorization: Bearer {token}"]
    run = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path)
    print(run.stdout[-6000:])
    assert run.returncode == 0, run.stderr
    assert "only 401/403" not in run.stdout
    assert "Traceback" not in service.log
    assert "this is a bug" not in service.log
    assert token not in service.log
    assert service.stop() == 0
