"""Real senders of syslog: util-linux' logger in each of its forms, and busybox' syslogd as a forwarder."""

import queue
import shutil
import subprocess
import threading
from ipaddress import IPv4Address

import pytest

from pxe.net.syslog import LogReceiver
from pxe.net.udp import bind_udp

pytestmark = pytest.mark.interop

MAC = "52:54:00:aa:00:01"
SECONDS = 60

# busybox makes /dev/log: in a /dev of its own, and a process namespace that ends it
BUSYBOX = """
mkdir dev && touch dev/null && mount --bind /dev/null dev/null && mount --rbind dev /dev
busybox syslogd -n -L -R 127.0.0.1:{port} -O /dev/messages &
while [ ! -S /dev/log ]; do sleep 0.05; done
busybox logger -t initrd -p daemon.err "it is me: busybox"
while ! grep -qs "it is me" /dev/messages; do sleep 0.05; done
kill $!
"""


@pytest.fixture
def receiver():
    sock = bind_udp(IPv4Address("127.0.0.1"), 0, "syslog")
    port, heard = sock.getsockname()[1], queue.Queue()
    made = LogReceiver({"syslog": sock}, lambda _: MAC, lambda *taken: heard.put(taken), heard.put)
    thread = threading.Thread(target=made.serve)
    thread.start()
    yield port, heard
    made.stop()
    thread.join(SECONDS)


@pytest.mark.parametrize("form", ["--rfc3164", "--rfc5424", "--rfc5424=notime,notq,nohost", ""])
def test_logger(receiver, form):
    if shutil.which("logger") is None:
        pytest.skip("logger is not installed (Debian: bsdutils)")
    port, heard = receiver
    options = [form] if form else []
    words = ["-n", "127.0.0.1", "-P", str(port), "-d", "-t", "tagged", "-p", "local0.warning", *options]
    subprocess.run(["logger", *words, "grüße \a: x"], check=True, timeout=SECONDS)
    mac, (line,), _ = heard.get(timeout=SECONDS)
    assert (mac, line.app, line.facility, line.severity) == (MAC, "tagged", 16, 4)
    assert line.text == "grüße \\x07: x"


def test_busybox_forwards(receiver, tmp_path):
    if shutil.which("busybox") is None:
        pytest.skip("busybox is not installed")
    port, heard = receiver
    namespace = ["unshare", "-Urmpf", "--mount-proc", "--kill-child"]
    if subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no user namespaces here")
    script = BUSYBOX.format(port=port)
    subprocess.run([*namespace, "sh", "-ec", script], cwd=tmp_path, check=True, timeout=SECONDS)
    mac, (line,), _ = heard.get(timeout=SECONDS)
    assert (mac, line.app, line.facility, line.severity) == (MAC, "initrd", 3, 3)
    assert line.text == "it is me: busybox"
