"""import-mode importlib: what lies beside the tests is found by its folder, under names of its own."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
