"""The code of lab/machineapi against Debian's protoc."""

from pathlib import Path

import pytest

from lab.testing import protoc

pytestmark = pytest.mark.interop


def test_committed_code_is_what_tools_proto_makes(tmp_path: Path) -> None:
    made = protoc.generate(tmp_path)
    committed = [path.relative_to(protoc.ROOT) for path in (protoc.ROOT / protoc.FOLDER).glob("*_*.py*")]
    assert made == sorted(path for path in committed if not path.name.startswith("__"))
    for path in made:
        assert (tmp_path / path).read_text() == (protoc.ROOT / path).read_text(), f"run tools/proto: {path}"
