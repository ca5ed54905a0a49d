"""What the kernel's command line says to the node: whoever netboots it writes that. Names are Talos's."""

from collections.abc import Iterable
from typing import NamedTuple

from lab.machineconfig import Endpoint, KernelLog, views, words

CONFIG, SINK, KERNEL_LOG = "talos.config", "talos.events.sink", "talos.logging.kernel"


class Receivers(NamedTuple):
    """Who hears of the node before a configuration says so; `faults` are sentences about what is wrong."""

    event_sink: Endpoint | None
    kernel_logs: tuple[KernelLog, ...]
    faults: tuple[str, ...]


def option(command_line: str, name: str) -> str:
    """Return the value of `name=`, the first where there are several, as Talos takes it; "" for none."""
    return next((word.partition("=")[2] for word in _of(command_line, [name])), "")


def receivers(command_line: str) -> Receivers:
    """Return where events and the kernel's log go. What cannot be used is passed over: it shall boot."""
    sink, log = option(command_line, SINK), option(command_line, KERNEL_LOG)
    wrong_sink = words.endpoint(sink) if sink else ""
    wrong_log = words.log_url(log) if log else ""
    faults = (f"{SINK}={sink} {wrong_sink}", f"{KERNEL_LOG}={log} {wrong_log}")
    return Receivers(
        views.endpoint(sink) if sink and not wrong_sink else None,
        (views.kernel_log(KERNEL_LOG, log),) if log and not wrong_log else (),
        tuple(text for text, wrong in zip(faults, (wrong_sink, wrong_log), strict=True) if wrong),
    )


def kept(command_line: str) -> list[str]:
    """Return the words that an installed system gets, too: it goes on telling whom it told."""
    return list(_of(command_line, [SINK, KERNEL_LOG]))


def _of(command_line: str, names: Iterable[str]) -> Iterable[str]:
    return (word for word in command_line.split() if word.partition("=")[0] in names)
