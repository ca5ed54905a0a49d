import pytest

from lab.sandbox import advice


@pytest.fixture
def sysctls(monkeypatch, tmp_path):
    """A /proc/sys of our own."""

    def set_up(**values):
        for name, value in values.items():
            path = tmp_path.joinpath(*name.split("__"))
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"{value}\n")

    real = advice.Path
    monkeypatch.setattr(
        advice,
        "Path",
        lambda *parts: tmp_path.joinpath(*parts[1:]) if parts[0] == "/proc/sys" else real(*parts),
    )
    return set_up


def test_names_the_switch_that_is_wrong_and_only_that(sysctls):
    sysctls(user__max_user_namespaces=0, kernel__unprivileged_userns_clone=1)
    text = advice.explain(["directly: no"])
    assert "  - directly: no\n" in text
    assert "sysctl -w user.max_user_namespaces=15000   (it is 0)" in text
    assert "unprivileged_userns_clone" not in text


def test_ubuntu(sysctls):
    sysctls(kernel__apparmor_restrict_unprivileged_userns=1, user__max_user_namespaces=90000)
    text = advice.explain([])
    assert (
        "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0   (it is 1; Ubuntu 24.04 and later)" in text
    )


def test_debian_s_switch(sysctls):
    sysctls(kernel__unprivileged_userns_clone=0)
    assert "sysctl -w kernel.unprivileged_userns_clone=1" in advice.explain([])


def test_where_no_switch_forbids_it_all_are_named(sysctls):
    text = advice.explain([])
    assert "kernel.unprivileged_userns_clone=1, user.max_user_namespaces=15000" in text
    assert "apparmor_restrict_unprivileged_userns=0" in text
    assert "as root" in text
    assert "--cap-add SYS_ADMIN" in text


def test_tap():
    text = advice.explain_tap(PermissionError(13, "Permission denied"))
    assert "/dev/net/tun" in text
    assert "Permission denied" in text
    assert "chmod 0666 /dev/net/tun" in text
