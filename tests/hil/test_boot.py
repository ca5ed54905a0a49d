"""The same image in two ways: the firmware's own, and typed by us. Both measured, on every place."""

import pytest

from lab.pytest_plugin.fixtures import Booter
from lab.series import Method
from lab.store import load_run

pytestmark = pytest.mark.hil


@pytest.mark.parametrize("method", list(Method))
def test_a_board_netboots_to_a_shell(boot: Booter, method: Method) -> None:
    for record in boot("initrd-shell", method):
        reached = [milestone.name for milestone in record.timeline.milestones]
        assert reached[-1] == "shell"
        order = [name for name in reached if name in ("u-boot", "dhcp-ack", "kernel-start", "kernel", "init")]
        assert order == ["u-boot", "dhcp-ack", "kernel-start", "kernel", "init"]
        for name in ("linux", "initrd.gz"):
            (span,) = [span for span in record.timeline.transfers if span.name == name]
            assert (span.outcome, span.sent) == ("complete", span.size)


def test_the_firmwares_own_way_asks_for_our_script_and_types_nothing(boot: Booter) -> None:
    (record,) = boot("debian-installer", boots=1)
    assert "boot.scr.uimg" in [span.name for span in record.timeline.transfers]
    assert record.timeline.since_power_on("installer") is not None
    assert record.firmware, "the banner was seen"
    assert record.kernel
    assert record.load is not None
    info = load_run(boot.state.runs[-1]).info
    assert [len(digest) for digest in (info.plan_hash, info.image_digest)] == [64, 64]
    assert info.console_args in boot.board.board_type.console_args
    assert boot.board.console.transcript.path is None, "the recording was closed with its boot"
