"""Run by the Python that the image has, built for this host: see `pyc.py`. Imports nothing of the project.

Reads lines of a source's path, a tab, and the path that tracebacks shall show; writes the compiled module
beside the source, without a time in it.
"""

import py_compile
import sys


def compile_all() -> None:
    """Compile what standard input lists, in its order: the bytes depend on it."""
    for line in sys.stdin:
        path, _, shown = line.rstrip("\n").partition("\t")
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(path, path + "c", shown, doraise=True, optimize=0, invalidation_mode=mode)


if __name__ == "__main__":
    compile_all()
