"""Which paths the cache knows: none that leads anywhere else."""

from hypothesis import given
from hypothesis import strategies as st

from lab.factorycache.paths import Kind, known
from lab.systems.talos.schematic import VANILLA

PARTS = st.sampled_from(
    [
        "image",
        "pxe",
        "schematics",
        "version",
        "versions",
        VANILLA.id,
        "v1.13.9",
        "v1.14.0-rc.1",
        "..",
        ".",
        "",
        "x" * 500,
        "kernel-arm64",
        "metal-arm64",
        "metal-amd64-secureboot",
        "extensions",
        "official",
        "a.b.c",
        ".x",
        "a..b",
        "%2e",
        "\x00",
    ]
)


@given(st.lists(PARTS, max_size=6).map("/".join), st.text(max_size=3))
def test_what_is_known_is_plain(path, more):
    found = known(f"/{path}{more}")
    if found is not None:
        assert not {"..", "."} & set(found.path.split("/"))
        assert found.path.isascii()
        assert found.path.isprintable()


def test_each_kind():
    base = f"/image/{VANILLA.id}/v1.14.0-rc.1"
    assert known(f"{base}/metal-arm64.raw.zst").kind is Kind.ARTIFACT
    assert known(f"/pxe/{VANILLA.id}/v1.13.9/metal-amd64").arguments.endswith("/v1.13.9/cmdline-metal-amd64")
    assert known(f"/schematics/{VANILLA.id}").kind is Kind.SCHEMATIC
    assert known("/version/v1.13.9/overlays/official").kind is Kind.LIST
    assert known(f"{base}/../x") is None
