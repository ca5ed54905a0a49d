"""A plan as lines of a site file means that plan, whatever is in it."""

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lab.cli.plan_yaml import plan_yaml
from lab.machineconfig.yamltext import read_documents
from pxe.assets import ImageName, Manifest, Part, Store
from pxe.plan import Asset, BootPlan, Config, ConfigKind

WORDS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Co", "Cn"], max_codepoint=0xFFFD), max_size=20)
NAMES = st.sampled_from(
    ["a", "yes", "no", "null", "1", "0x1", "a b", "a: b", "#x", "{x}", "true", "1:30", "é"]
)


KERNEL = Path("/boot/linux")
STORE = Store(Path("/images"))
PART = Part(file="linux", sha256="ab" * 32, size=1, source="linux")
MANIFEST = Manifest(image=ImageName("n", "1", "arm64"), parts={"kernel": PART})


@given(NAMES, WORDS, NAMES)
def test_it_reads_back(name, words, config):
    part = Asset("linux", STORE.blob(PART.sha256))
    plan = BootPlan(
        name=name,
        kernel=part,
        initrd=replace(part, name="other"),
        dtb=Asset("d", KERNEL),
        cmdline=words,
        texts={config: words},
        configs=(Config(kind=ConfigKind.TALOS, name=config, path=Path("/c"), secret=True),),
    )
    (document,) = read_documents(plan_yaml(plan, MANIFEST, STORE))
    assert document.faults == []
    (found,) = document.data["plans"].items()
    assert found == (
        name,
        {
            "kernel": {"image": "n/1/arm64"},
            "initrd": {"image": "n/1/arm64", "part": "kernel", "name": "other"},
            "dtb": {"path": str(KERNEL), "name": "d"},
            **({"cmdline": words} if words else {}),
            "texts": {config: words},
            "configs": [{"kind": "talos", "name": config, "file": "/c", "secret": True}],
        },
    )
