"""Lines of mountinfo."""

from hypothesis import given
from hypothesis import strategies as st

from lab.claims.measure import surface
from lab.claims.model import Verdict
from lab.claims.mounts import mounts, visible

TALOS_LIKE = """\
20 1 0:1 / / rw - rootfs rootfs rw
21 20 7:0 / / ro,relatime shared:1 - squashfs /dev/loop0 ro,errors=continue
22 21 0:20 / /proc rw - proc proc rw
23 21 0:30 / /var rw shared:2 master:1 - xfs /dev/vda6 rw
24 21 0:31 /system/hosts /etc/hosts ro - tmpfs tmpfs rw
25 21 0:31 /with\\040blank /etc/a\\040b ro - tmpfs tmpfs rw
this is no line
"""


class Told:
    """A node that tells of its mounts alone."""

    def __init__(self, text, could=None):
        self.text, self.could = text, could

    def mountinfo(self):
        return self.text

    def writable(self, folders):
        return self.could


def test_what_is_mounted_last_is_seen():
    seen = {m.point: m for m in visible(mounts(TALOS_LIKE))}
    assert (seen["/"].kind, seen["/"].read_only) == ("squashfs", True)
    assert seen["/etc/a b"].root == "/with blank"
    assert (seen["/var"].on_disk, seen["/proc"].on_disk) == (True, False)


def test_a_read_only_root_with_a_writable_var_holds():
    found = surface.read_only(Told(TALOS_LIKE))
    assert found.verdict is Verdict.HOLDS
    assert found.sentence == "/ is squashfs, read-only; on disks /var may be written."


def test_a_writable_root_does_not_hold():
    found = surface.read_only(Told("21 1 8:1 / / rw - ext4 /dev/sda1 rw", {"/": True, "/usr": False}))
    assert found.verdict is Verdict.FAILS
    assert found.sentence.endswith("By hand / could be written.")


def test_etc_is_told_file_by_file_or_as_a_whole():
    assert surface.etc(Told(TALOS_LIKE)).verdict is Verdict.HOLDS
    overlay = surface.etc(Told("9 1 0:9 / /etc rw - overlay overlay rw,lowerdir=/usr/share/etc"))
    assert (overlay.verdict, overlay.sentence) == (Verdict.FAILS, "/etc as a whole is overlay, writable.")
    assert surface.etc(Told("")).verdict is Verdict.PARTLY


@given(st.text())
def test_a_node_may_say_anything(text):
    for found in (surface.read_only(Told(text)), surface.etc(Told(text))):
        assert found.sentence
