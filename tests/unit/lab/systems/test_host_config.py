"""What is configured over SSH: the file, and the words of os-release."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import ConfigError, UsageError
from lab.systems.hostconfig import difference, read_host_config
from lab.systems.ssh_client import SshClient, os_release

GOOD = """\
hostname: web1.lab.test
dns: [10.99.0.1, "fd00::1"]
files:
  - {path: /etc/motd, text: hello}
"""


def test_a_whole_configuration():
    found = read_host_config(GOOD)
    assert (found.hostname, found.dns) == ("web1.lab.test", ("10.99.0.1", "fd00::1"))
    assert found.files[0].mode == "0644"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("hostname: -x\n", "config:1: hostname: '-x' is no host name"),
        ("hostname: a\ndns: [10.99.0.300]\n", "config:2: dns[0]: '10.99.0.300' is no IP address"),
        (
            "files:\n  - {path: etc/motd, text: x}\n",
            "config:2: files[0].path: 'etc/motd' is no absolute path",
        ),
        ("files:\n  - {path: /etc/../x, text: x}\n", "is no absolute path"),
        ("files:\n  - {path: /etc/x, text: x, mode: '0999'}\n", "'0999' is no file mode"),
        ("files:\n  - {path: /etc/x, text: x, mode: 644}\n", "mode: must be text"),
        ("hostnam: x\n", "config:1: hostnam: unknown key; did you mean 'hostname'?"),
        ("hostname: a\n---\nhostname: b\n", "a second document"),
        ("a: [", "config:2: not YAML"),
        ("", "config:1"),
    ],
    ids=["name", "dns", "relative", "dots", "octal", "number", "key", "two", "yaml", "empty"],
)
def test_faults_name_their_line(text, fault):
    with pytest.raises(ConfigError) as caught:
        read_host_config(text)
    assert fault in str(caught.value)


def test_differences():
    assert difference("f", None, "a\n") == "--- /dev/null\n+++ f\n@@ -0,0 +1 @@\n+a\n"
    assert difference("f", "a", None) == "--- f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n"
    assert difference("f", None, "") == "f: made, empty\n"


def test_os_release():
    text = 'ID=flatcar\nPRETTY_NAME="Flatcar \\"x\\" 1"\n# a comment\nbroken="\nVERSION_ID=4081.2.0\n'
    assert os_release(text) == {
        "ID": "flatcar",
        "PRETTY_NAME": 'Flatcar "x" 1',
        "VERSION_ID": "4081.2.0",
    }


@given(st.text())
def test_any_os_release_is_read(text):
    assert all(isinstance(value, str) for value in os_release(text).values())


@pytest.mark.parametrize(
    ("access", "said"),
    [
        ({"keys": "x"}, "keys: no such option; a node over SSH has user, key"),
        ({"fingerprint": "x"}, "'x' is no fingerprint"),
        ({"insecure": "yes", "known_hosts": "x"}, "name one of known_hosts, fingerprint and insecure"),
        ({"timeout": "soon"}, "timeout soon: must be a number of seconds"),
        ({"user": "root"}, "core@10.0.0.5 names a user, and user: root another"),
    ],
    ids=["unknown", "fingerprint", "both", "timeout", "users"],
)
def test_access_that_cannot_be(access, said):
    with pytest.raises(UsageError, match=said.replace("(", r"\(")):
        SshClient("core@10.0.0.5", access)
