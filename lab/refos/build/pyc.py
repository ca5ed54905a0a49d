"""Python modules for an image: compiled on this host, and shipped without their sources.

An emulated board needs seconds to compile what it imports. The bytes must not depend on this host's Python:
the compiler is the image's own version, of Debian's package for this host's architecture.
"""

import stat
import subprocess
import tempfile
from pathlib import Path

from lab.errors import InfrastructureError
from lab.refos.build import compile as compile_script
from lab.refos.build.hosttools import HostTools
from lab.refos.build.tree import Tree, file


def compiled(tree: Tree, tools: HostTools) -> Tree:
    """The same with every `.py` in the place of its source compiled, as `.pyc`.

    Raises InfrastructureError that names the module where one does not compile.
    """
    sources = sorted(path for path, node in tree.items() if path.endswith(".py") and stat.S_ISREG(node.mode))
    result = {path: node for path, node in tree.items() if not path.endswith(".py")}
    with tempfile.TemporaryDirectory() as made:
        lines = []
        for number, path in enumerate(sources):
            source = Path(made, f"{number}.py")
            source.write_bytes(tree[path].data)
            lines.append(f"{source}\t/{path}\n")
        argv, env = tools.python(Path(compile_script.__file__))
        done = subprocess.run(argv, env=env, input="".join(lines), text=True, capture_output=True)
        if done.returncode:
            raise InfrastructureError(f"a module of the image does not compile:\n{done.stderr.strip()}")
        for number, path in enumerate(sources):
            result[path + "c"] = file(Path(made, f"{number}.pyc").read_bytes())
    return result
