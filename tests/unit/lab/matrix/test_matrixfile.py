import json
import re
from pathlib import Path

import pytest

from lab.errors import ConfigError
from lab.matrix.matrixfile import read_matrix
from lab.matrix.model import Cell, SuiteKind
from lab.matrix.schema import schema_text

DOCS = Path(__file__).parents[4] / "docs"
SITE = """\
service:
  interface: br0
  address: 10.99.0.1/24
  dhcp: {pool: {start: 10.99.0.100, end: 10.99.0.199}}
  tftp: {}
plans:
  mine: {arch: arm64, kernel: {path: kernel}}
places:
  arm1: {board: qemu-virt-arm64, mac: "52:54:00:aa:03:01", power: {qemu: {}}, console: {qemu: {}}}
  arm2: {board: qemu-virt-arm64, mac: "52:54:00:aa:03:02", power: {qemu: {}}, console: {qemu: {}}}
  pc1: {board: x86-q35-bios, mac: "52:54:00:aa:03:03", power: {qemu: {}}, console: {qemu: {}}}
"""


@pytest.fixture
def matrix(tmp_path):
    kernel = bytearray(64)
    kernel[56:60] = b"ARMd"
    (tmp_path / "kernel").write_bytes(kernel)
    (tmp_path / "lab.yaml").write_text(SITE)
    (tmp_path / "test_smoke.py").write_text("")

    def read(text):
        (tmp_path / "nightly.yaml").write_text("lab: lab.yaml\n" + text)
        return read_matrix(tmp_path / "nightly.yaml")

    return read


def faults(matrix, text) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        matrix(text)
    return [re.sub(r"^\S*/(?=[a-z]+\.yaml:)", "", fault) for fault in caught.value.faults]


def test_boards_by_images_by_suites(matrix):
    found = matrix("""\
boards: [qemu-virt-arm64, pc1]
images: {small-linux: {}, initrd-shell: {}}
suites:
  boot: {boot: {}}
  smoke: {pytest: {files: [test_smoke.py]}, boots: 3, timeout: 5m}
boots: 20
deadline: 8h
""")
    assert found.name == "nightly"
    assert found.places == ("arm1", "arm2", "pc1")
    assert len(found.tasks) == 3 * 2 * 2
    assert found.deadline == 8 * 3600
    by_cell = {task.cell: task for task in found.tasks}
    assert by_cell[Cell("arm1", "small-linux", "boot")].settings.boots == 20
    smoke = by_cell[Cell("pc1", "initrd-shell", "smoke")]
    assert (smoke.settings.boots, smoke.settings.timeout, smoke.suite.kind) == (3, 300, SuiteKind.PYTEST)
    assert smoke.emulated


def test_everything_has_a_default(matrix):
    found = matrix("images: {small-linux: {}}\n")
    assert [task.cell.suite for task in found.tasks] == ["boot"] * 3
    assert found.health is not None
    assert not found.webhooks


def test_exclude_then_include(matrix):
    found = matrix("""\
images: {small-linux: {}, initrd-shell: {}}
boots: 10
exclude: [{board: pc1}, {board: qemu-virt-arm64, image: initrd-shell}]
include:
  - {board: pc1, image: small-linux, suite: boot, boots: 30}
  - {board: arm2, retries: 4}
""")
    cells = {task.cell: task.settings for task in found.tasks}
    assert set(cells) == {Cell(place, "small-linux", "boot") for place in ("arm1", "arm2", "pc1")}
    assert cells[Cell("pc1", "small-linux", "boot")].boots == 30
    assert cells[Cell("arm2", "small-linux", "boot")].retries == 4
    assert cells[Cell("arm1", "small-linux", "boot")].retries == 1


def test_what_cannot_be_is_left_out_and_said(matrix):
    found = matrix("""\
images: {mine: {plan: mine, ready: up}, small-linux: {}}
suites: {boot: {boot: {}}, driven: {boot: {method: driven}}, upgrades: {upgrades: {cuts: 2}}}
""")
    assert Cell("pc1", "small-linux", "driven") not in {task.cell for task in found.tasks}
    assert any("a driven boot types at U-Boot" in sentence for sentence in found.left_out)
    upgrades = [task for task in found.tasks if task.suite.kind is SuiteKind.UPGRADES]
    assert [task.cell.image for task in upgrades] == ["refos"] * 3  # once a place, whatever the images
    assert upgrades[0].suite.options == ("--cuts", "2")


def test_a_plan_for_another_processor_is_left_out(matrix):
    found = matrix("images: {mine: {plans: {arm64: mine}, ready: up}}\n")
    assert found.places == ("arm1", "arm2")
    assert found.left_out == ("pc1/mine/boot: pc1 is x86_64, and the image has plans for arm64",)


def test_all_faults_at_once(matrix):
    assert faults(
        matrix,
        """\
boards: [nope]
images: {what: {}, mine: {plan: gone}}
suites: {a: {}, b: {boot: {}, pytest: {files: [test_gone.py]}}}
exclude: [{suite: c}, {}]
deadline: 8
timout: 5m
notify: {page: a.test, webhooks: [{url: ftp://x}, {}], mail: [{server: m, sender: a, to: [b], user: c}]}
health: {image: zzz}
""",
    ) == [
        "nightly.yaml:2: boards[0]: the site has no place and no board type 'nope'; places: arm1, arm2, pc1; "
        "their board types: qemu-virt-arm64, x86-q35-bios",
        "nightly.yaml:3: images.mine.plan: the site file has no plan 'gone'; there are mine",
        "nightly.yaml:3: images.mine: needs `ready`: the console line that says that it is up",
        "nightly.yaml:3: images.what: there is no built-in image 'what'; there are debian-installer, "
        "debian-installer-auto, initrd-shell, small-linux; or name its `plan`",
        "nightly.yaml:4: suites.a: name exactly one of boot, pytest, upgrades",
        "nightly.yaml:4: suites.b.pytest.files[0]: there is no test_gone.py (seen from the folder of this "
        "file)",
        "nightly.yaml:4: suites.b: name exactly one of boot, pytest, upgrades, not boot and pytest",
        "nightly.yaml:5: exclude[0].suite: there is no suite 'c'; there are a, b",
        "nightly.yaml:5: exclude[1]: is empty: name a board, an image or a suite",
        "nightly.yaml:6: deadline: must be text, not 8: how long the night may take, such as 8h",
        "nightly.yaml:7: timout: unknown key; did you mean 'timeout'? there are boots, timeout, retries, "
        "give_up_after, name, lab, boards, images, suites, include, exclude, deadline, pcap, emulators, "
        "health, noticed, notify",
        "nightly.yaml:8: notify.mail[0]: `user` and `password` go together",
        "nightly.yaml:8: notify.page: 'a.test' begins with neither http:// nor https://",
        "nightly.yaml:8: notify.webhooks[0].url: 'ftp://x' begins with neither http:// nor https://",
        "nightly.yaml:8: notify.webhooks[1]: name exactly one of url, secret_url",
        "nightly.yaml:9: health.image: there is no image 'zzz'; there are what, mine",
    ]


def test_cells_excluded_to_nothing(matrix):
    text = "images: {small-linux: {}}\nexclude: [{image: small-linux}]\n"
    assert faults(matrix, text) == ["nightly.yaml:3: exclude: no cell is left: everything is excluded"]


def test_an_include_that_fits_nothing(matrix):
    text = "images: {small-linux: {}}\nboards: [arm1]\ninclude: [{board: pc1, boots: 3}]\n"
    assert faults(matrix, text) == [
        "nightly.yaml:4: include[0]: fits no cell; to add one, name its board, image and suite"
    ]


def test_the_site_file_is_missing_or_faulty(matrix, tmp_path):
    (tmp_path / "lab.yaml").write_text("servic: 1\n")
    assert faults(matrix, "images: {small-linux: {}}\n")[0].startswith("lab.yaml:1: ")
    (tmp_path / "lab.yaml").unlink()
    assert faults(matrix, "images: {small-linux: {}}\n") == [
        "nightly.yaml:1: lab: there is no file lab.yaml (seen from the folder of this file)"
    ]


@pytest.mark.parametrize("text", ["8", "h", "-1h", "0s", "1 week", "1e3s", ""])
def test_durations(matrix, text):
    (fault,) = faults(matrix, f"images: {{small-linux: {{}}}}\ndeadline: '{text}'\n")
    assert "is no duration; write it like 90s, 5m or 8h" in fault


def test_the_schema_in_docs_is_of_this_code():
    assert (DOCS / "matrix.schema.json").read_text() == schema_text(), (
        "python -m lab.matrix.schema > docs/..."
    )
    assert json.loads(schema_text())["properties"]["lab"]
