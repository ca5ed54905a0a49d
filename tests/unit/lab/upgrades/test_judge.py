from lab.powercut.check import Checked
from lab.upgrades.judge import Allowed, faults_of
from lab.upgrades.system import Observation

ALLOWED = Allowed({("A", "1"), ("B", "2")}, {"old", "new"})
GOOD = Observation(version="1", slot="A", config="old", ready=True)


def faults(seen=GOOD, checked=(), allowed=ALLOWED):
    return faults_of(seen, allowed, str.__eq__, checked)


def seen(**changes):
    return Observation(**{"version": "1", "slot": "A", "config": "old", "ready": True, **changes})


def test_the_old_system_and_the_new_one_are_both_well():
    assert faults() == ()
    assert faults(seen(version="2", slot="B", config="new")) == ()


def test_the_new_version_in_the_old_slot_is_none_of_them():
    (fault,) = faults(seen(version="2"))
    assert fault == "version 2 runs in slot A; allowed is 1 in A or 2 in B"


def test_a_configuration_that_is_a_mixture():
    assert faults(seen(config="ol")) == ("its configuration is neither the old nor the new one",)


def test_not_ready():
    assert faults(seen(ready=False)) == ("it is not ready",)


def test_it_never_came_back():
    assert faults(None) == ("the node did not get ready again",)


def test_all_faults_at_once_the_disk_first():
    checked = [Checked("STATE", "ext4", False, "bad"), Checked("BOOT", "FAT", True)]
    assert faults(seen(slot="B", config="x"), checked) == (
        "file system STATE (ext4): bad",
        "version 1 runs in slot B; allowed is 1 in A or 2 in B",
        "its configuration is neither the old nor the new one",
    )
