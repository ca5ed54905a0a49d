"""`receivers`: which program runs beside the service, and what it is told."""

import pytest

from lab.config import load_site
from lab.errors import ConfigError

SITE = "service: {interface: eth1, address: 10.99.0.1/24%s}\nreceivers: %s\n"


def load(folder, receivers, more=""):
    path = folder / "lab.yaml"
    path.write_text(SITE % (more, receivers))
    return load_site(path)


def test_defaults(tmp_path):
    site = load(tmp_path, "{}")
    (program,) = site.companions
    assert program.module == "lab.receivers"
    assert program.arguments[:4] == ("--address", "10.99.0.1", "--server", "10.99.0.1")
    said = " ".join(program.arguments)
    assert "--events 8090 --kernel-log 8092" in said
    assert "siderolink" not in said
    assert site.service.logs.relay == tmp_path / "state/lines.sock"
    assert str(site.service.logs.relay) in said
    assert site.service.logs.syslog is None


def test_the_token_stays_where_it_is(tmp_path):
    (tmp_path / "token").write_text("secret\n")
    said = load(tmp_path, "{events: null, siderolink: {token: {file: token}}}").companions[0].arguments
    assert "--events" not in said
    assert said[said.index("--siderolink") + 1] == "8091"
    assert said[said.index("--token-file") + 1] == str(tmp_path / "token")
    said = load(tmp_path, "{siderolink: {port: 9000, token: {env: JOIN_TOKEN}}}").companions[0].arguments
    assert said[said.index("--token-env") + 1] == "JOIN_TOKEN"


def test_beside_logs(tmp_path):
    site = load(tmp_path, "{}", ", logs: {}")
    assert (site.service.logs.syslog, site.service.logs.relay is not None) == (514, True)
    assert load(tmp_path, "null", ", logs: {}").service.logs.relay is None


def test_a_state_folder_too_deep_for_a_socket(tmp_path):
    site = load(tmp_path, "{}", f", state: {'deep/' * 20}")
    assert site.service.logs is None
    assert "--lines" not in site.companions[0].arguments


@pytest.mark.parametrize(
    ("receivers", "said"),
    [
        ("{events: 8090, kernel_log: 8090}", "port 8090 is that of events; take another"),
        ("{events: null, kernel_log: null}", "receives nothing"),
        ("{siderolink: {}}", "receivers.siderolink.token: "),
        ("{siderolink: {token: {}}}", "give exactly one of env and file"),
        ("{siderolink: {token: {env: A, file: b}}}", "give exactly one of env and file"),
        ("{siderolink: {token: {file: none}}}", "none: no such file"),
        ("{siderolink: {token: hunter2}}", "receivers.siderolink.token"),
        ("{sink: 1}", "receivers.sink"),
    ],
)
def test_faults(tmp_path, receivers, said):
    with pytest.raises(ConfigError) as told:
        load(tmp_path, receivers)
    assert said in str(told.value)
    assert "lab.yaml:2" in str(told.value)
