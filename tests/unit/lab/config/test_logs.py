"""`service.logs`: ports, and option 7 where it is offered."""

import pytest

from lab.config import load_site
from lab.errors import ConfigError

SITE = """
service:
  interface: eth1
  address: 10.99.0.1/24
  dhcp: {pool: {start: 10.99.0.100, end: 10.99.0.199}%s}
  logs: %s
"""


def load(tmp_path, logs, more=""):
    path = tmp_path / "lab.yaml"
    path.write_text(SITE % (more, logs))
    return load_site(path).service


def test_ports(tmp_path):
    logs = load(tmp_path, "{}").logs
    assert (str(logs.listen), logs.syslog, logs.netconsole) == ("10.99.0.1", 514, 6666)
    logs = load(tmp_path, "{syslog: 5514, netconsole: null}").logs
    assert (logs.syslog, logs.netconsole) == (5514, None)
    assert load(tmp_path, "null").logs is None


def test_option_7_is_offered_where_asked_for_and_the_files_own_wins(tmp_path):
    assert 7 not in load(tmp_path, "{}").dhcp[0].subnets[0].options
    assert load(tmp_path, "{offer: true}").dhcp[0].subnets[0].options[7] == bytes((10, 99, 0, 1))
    own = ", options: {log-servers: [10.99.0.9]}"
    assert load(tmp_path, "{offer: true}", own).dhcp[0].subnets[0].options[7] == bytes((10, 99, 0, 9))


@pytest.mark.parametrize(
    ("logs", "said"),
    [
        ("{syslog: 6666}", "port 6666 is syslog's"),
        ("{syslog: 5514, offer: true}", "option 7 names no port"),
        ("{syslog: 0}", "syslog"),
    ],
)
def test_faults(tmp_path, logs, said):
    with pytest.raises(ConfigError, match=rf"lab\.yaml:6: .*{said}"):
        load(tmp_path, logs)
