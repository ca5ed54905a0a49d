import importlib.util
import sys
from pathlib import Path

# import-mode importlib: helpers beside the tests are loaded by path, under a name of their own
_NAME = "config_generated"
if _NAME not in sys.modules:
    spec = importlib.util.spec_from_file_location(_NAME, Path(__file__).with_name("generated.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[_NAME] = module
    spec.loader.exec_module(module)
