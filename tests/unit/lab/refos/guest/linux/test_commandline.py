"""What the kernel's command line says to the node."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.machineconfig import Endpoint, KernelLog
from lab.refos.guest.linux import commandline


def test_events_and_the_kernels_log():
    told = commandline.receivers(
        "quiet talos.events.sink=10.0.0.1:8090 talos.logging.kernel=udp://[fd00::1]:8092 panic=5"
    )
    assert told.event_sink == Endpoint("10.0.0.1", 8090)
    assert told.kernel_logs == (KernelLog("talos.logging.kernel", "udp", Endpoint("fd00::1", 8092)),)
    assert told.faults == ()


def test_nothing_is_said():
    assert commandline.receivers("quiet xtalos.events.sink=a:1") == (None, (), ())


def test_the_first_counts_as_it_does_in_talos():
    told = commandline.receivers("talos.events.sink=a:1 talos.events.sink=b:2")
    assert told.event_sink == Endpoint("a", 1)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (
            "talos.events.sink=10.0.0.1",
            "talos.events.sink=10.0.0.1 has no port from 1 to 65535 after a colon",
        ),
        ("talos.events.sink=http://a:1", "talos.events.sink=http://a:1 needs brackets, [IPv6]:port"),
        ("talos.logging.kernel=a:1", "talos.logging.kernel=a:1 does not begin with tcp:// or udp://"),
        ("talos.logging.kernel=tcp://a:0", "talos.logging.kernel=tcp://a:0 has no port from 1 to 65535"),
    ],
)
def test_what_cannot_be_used_is_said_and_passed_over(line, fault):
    told = commandline.receivers(f"{line} quiet")
    assert (told.event_sink, told.kernel_logs) == (None, ())
    (said,) = told.faults
    assert said.startswith(fault)


@given(st.text(), st.text())
def test_no_text_breaks_it(sink, log):
    commandline.receivers(f"talos.events.sink={sink} talos.logging.kernel=tcp://{log}")


def test_an_installed_system_goes_on_telling():
    line = "console=ttyAMA0 talos.events.sink=a:1 talos.config=http://a/b talos.logging.kernel=tcp://a:2"
    assert commandline.kept(line) == ["talos.events.sink=a:1", "talos.logging.kernel=tcp://a:2"]
