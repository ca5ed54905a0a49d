import pytest

from lab.errors import ConfigError
from lab.updates.config import read_settings

ID = "{e96281a6-d1af-4bde-9a0a-97b76e56dc57}"


def changed(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return path


def test_a_file(updates_file):
    made = read_settings(updates_file)
    assert (made.address, made.port, made.url) == ("127.0.0.1", 0, "http://127.0.0.1:1")
    assert made.state == updates_file.parent / "state"
    (app,) = made.apps
    assert app.id == ID
    assert [(p.version, p.name) for p in app.payloads] == [("4700.1.0", "any-4700.1.0-update.gz")]
    (group,) = app.groups
    assert (group.channel.version, group.policy.max_concurrent) == ("4700.1.0", 5)
    (stream,) = made.streams
    assert [r.version for r in stream.releases] == ["43.1.3.0", "43.2.3.0"]
    assert stream.releases[1].rollout.share == 1.0
    assert made.locks[0].slots == 3


def test_everything_that_can_be_written(updates_file):
    changed(
        updates_file,
        "max_concurrent: 5",
        "office_hours: {timezone: Asia/Tokyo, days: [sat], begin: '10:30', end: '11:00'}, safe_mode: true",
    )
    changed(updates_file, "start_percent: 100", "start: 2026-11-23T08:00:00+01:00, minutes: 90")
    changed(
        updates_file, "slots: 3", "slots: 3, lease_seconds: 60, tolerate_lost: 2, health_url: http://lb/ok"
    )
    made = read_settings(updates_file)
    hours = made.apps[0].groups[0].policy.office_hours
    assert (hours.timezone.key, hours.days, hours.begin.minute) == ("Asia/Tokyo", {5}, 30)
    rollout = made.streams[0].releases[1].rollout
    assert (rollout.start, rollout.share, rollout.minutes) == (1_795_417_200, 0.0, 90)
    assert (made.locks[0].lease_seconds, made.locks[0].health_url) == (60.0, "http://lb/ok")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("channel: stable", "channel: beta", "8: omaha.flatcar.groups.stable.channel: no channel 'beta'"),
        (
            "payloads/update.gz",
            "payloads/none.gz",
            r"6: omaha.flatcar.payloads\[0\].file: payloads/none.gz: no such",
        ),
        ("{version: 4700.1.0}}", "{version: 4701.0.0}}", "7: .*no payload of 4701.0.0"),
        ("{version: 4700.1.0}}", "{version: 4700.1.0, floors: [4700.1.0]}}", "does not come before"),
        ("max_concurrent", "max_at_once", "unknown key"),
        ("slots: 3", "slots: 0", "15: .*0 should be greater than or equal to 1"),
        ("default:", "a_b:", "no reboot group"),
        ("43.2.3.0", "43.1.3.0", "is there twice"),
        (", checksums: {aarch64: bb}", "", "neither checksums nor images"),
        ("start_percent: 100", "start: yesterday", "no time with its zone"),
        ("slots: 3", "slots: 3, health_url: lb", "no URL"),
        ("url: http://127.0.0.1:1\n", "", "port 0"),
        ("127.0.0.1:0", "here", "no address with its port"),
    ],
)
def test_faults_name_their_lines(updates_file, old, new, fault):
    changed(updates_file, old, new)
    with pytest.raises(ConfigError, match=fault):
        read_settings(updates_file)


def test_a_timezone_that_is_none(updates_file):
    changed(updates_file, "max_concurrent: 5", "office_hours: {timezone: Mars/Olympus}")
    with pytest.raises(ConfigError, match="no timezone of this host"):
        read_settings(updates_file)
