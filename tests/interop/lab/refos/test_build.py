"""What the builder makes, read and written by the programs that do so on a node: libubootenv and RAUC."""

import subprocess

import pytest

from lab.cache import cache_dir
from lab.errors import InfrastructureError
from lab.refos.build import env
from lab.refos.build.bundle import make_bundle
from lab.refos.build.hosttools import host_tools
from lab.refos.build.keys import signing_keys
from lab.refos.build.pyc import compiled
from lab.refos.build.rootfs import Identity
from lab.refos.build.tree import file
from lab.testing.debian import FW_PRINTENV, LIBUBOOTENV, file_of

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Calls fw_printenv or fw_setenv with the configuration of a node, on a file as ENV."""
    folder = tmp_path_factory.mktemp("env")
    content, config = folder / "env.img", folder / "fw_env.config"
    config.write_text(f"{content} 0x0 {env.SIZE:#x}\n{content} {env.SECOND:#x} {env.SIZE:#x}\n")
    (library,) = file_of(*LIBUBOOTENV).parents[3].glob("lib/*/libubootenv.so.0")

    def call(program, *arguments):
        path = file_of(*FW_PRINTENV).with_name(program)
        argv = [str(path), "-c", str(config), *arguments]
        variables = {"LD_LIBRARY_PATH": str(library.parent), "PATH": "/usr/bin:/bin"}
        return subprocess.run(argv, env=variables, capture_output=True, text=True, check=True).stdout

    return content, call


def test_libubootenv_reads_what_we_write(environment):
    content, call = environment
    content.write_bytes(env.partition(env.FRESH))
    read = dict(line.partition("=")[::2] for line in call("fw_printenv").splitlines())
    assert read == env.FRESH


def test_we_read_what_libubootenv_writes(environment):
    content, call = environment
    copies = env.encode(env.FRESH, 254), env.encode(env.FRESH, 253)
    content.write_bytes((copies[0] + bytes(env.SECOND - env.SIZE) + copies[1]).ljust(env.PARTITION, b"\0"))
    for left in "2104":  # the counter wraps
        call("fw_setenv", "BOOT_A_LEFT", left)
        assert env.current(content.read_bytes()) == env.FRESH | {"BOOT_A_LEFT": left}


@pytest.fixture(scope="module")
def tools():
    return host_tools(cache_dir() / "refos", lambda text: None)


@pytest.fixture(scope="module")
def bundle(tools, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle")
    keys = signing_keys(folder / "keys")
    slot = folder / "slot.img"
    slot.write_bytes(bytes(range(256)) * 4096)
    make_bundle(folder / "b.raucb", slot, Identity("1.2.3", "arm64"), keys, tools)
    return folder / "b.raucb", keys


def info(tools, path, keyring):
    return tools.rauc(["info", f"--keyring={keyring}", str(path)], path.parent)


def test_rauc_takes_a_bundle_of_ours(tools, bundle):
    path, keys = bundle
    said = info(tools, path, keys.keyring)
    assert "Compatible: \t'refos-arm64'" in said
    assert "Version:    \t'1.2.3'" in said
    assert "Bundle Format: \tverity" in said


def test_rauc_refuses_one_of_another_authority(tools, bundle, tmp_path):
    path, _keys = bundle
    with pytest.raises(InfrastructureError, match="signature verification failed"):
        info(tools, path, signing_keys(tmp_path / "other").keyring)


def test_rauc_refuses_one_that_is_cut(tools, bundle, tmp_path):
    path, keys = bundle
    cut = tmp_path / "cut.raucb"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InfrastructureError, match="rauc"):
        info(tools, cut, keys.keyring)


def test_modules_are_compiled_to_the_same_bytes_and_run_without_their_sources(tools, tmp_path):
    source = "VALUES = frozenset({'a', 'b', 'c', 'd'})\ndef double(x):\n    return x * 2\n"
    tree = {f"site/m{number}.py": file(source) for number in range(20)}
    once, again = compiled(tree, tools), compiled(tree, tools)
    assert once == again
    assert sorted(once) == sorted(f"{path}c" for path in tree)
    (tmp_path / "m0.pyc").write_bytes(once["site/m0.pyc"].data)
    (tmp_path / "main.py").write_text("import m0\nprint(m0.double(21), m0.double.__code__.co_filename)\n")
    argv, env_ = tools.python(tmp_path / "main.py")
    said = subprocess.run(argv, env=env_, capture_output=True, text=True, check=True).stdout
    assert said == "42 /site/m0.py\n"


def test_a_module_that_does_not_compile_is_named(tools):
    with pytest.raises(InfrastructureError, match=r"/site/broken\.py"):
        compiled({"site/broken.py": file("def")}, tools)
