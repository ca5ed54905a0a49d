"""For programs that a person starts to try something on, and ends with Ctrl-C or `kill`."""

import signal
import threading


def asked_to_end() -> threading.Event:
    """Return what is set once SIGINT or SIGTERM came. Call it in the main thread."""
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    return over
