"""import-mode importlib: what lies beside the tests is loaded by path, under a name of its own."""

import importlib.util
import sys
from pathlib import Path

_NAME = "fuzz_targets"
if _NAME not in sys.modules:
    spec = importlib.util.spec_from_file_location(_NAME, Path(__file__).with_name("targets.py"))
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[_NAME] = module
    assert spec.loader is not None
    spec.loader.exec_module(module)
