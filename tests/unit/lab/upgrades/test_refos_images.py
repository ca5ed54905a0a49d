import pytest

from lab.upgrades import refos_images
from lab.upgrades.faults import CLASSES


@pytest.mark.parametrize("fault", sorted(refos_images._FILES))
def test_every_class_that_changes_the_guest_finds_what_it_changes(fault):
    for path, node in refos_images._FILES[fault]().items():
        assert node.data
        if path.endswith(".py"):
            compile(node.data, path, "exec")


def test_refos_can_be_tried_with_every_class():
    assert set(refos_images.FAULTS) == set(CLASSES)
