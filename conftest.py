"""Tests of this checkout use the plugin of this checkout, installed or not."""

import contextlib
import os
import signal
from importlib.metadata import entry_points

# pytest aborts where a plugin is registered twice: name it here only if no installed entry point does.
if not any(point.value == "lab.pytest_plugin" for point in entry_points(group="pytest11")):
    pytest_plugins = ["lab.pytest_plugin"]

# Debian's dnsmasq, nft and perfdhcp are in /usr/sbin, which an ordinary user's PATH does not have.
os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"

# A deadline of 200 ms for each example is a time that a test asserts, and false on a busy host. `bootlab
# test` runs without Hypothesis, too.
with contextlib.suppress(ImportError):
    from hypothesis import HealthCheck, settings

    settings.register_profile("bootlab", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("bootlab")

# A shell without job control starts `command &` with SIGINT ignored, and children inherit that: programs that
# the tests stop with Ctrl-C would never end.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
