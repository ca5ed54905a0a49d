"""Syslog datagrams as real senders write them, and any bytes at all."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pxe.wire.logline import MAX_TEXT, harmless
from pxe.wire.syslog import parse_syslog


@pytest.mark.parametrize(
    ("data", "facility", "severity", "app", "text"),
    [
        # RFC 5424, section 6.5
        (
            b"<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xef\xbb\xbf'su root' failed",
            4, 2, "su", "'su root' failed",
        ),
        (
            b'<165>1 2003-10-11T22:14:15.003Z h evntslog - ID47 [e@1 iut="3" e="a\\"b\\]"][x@1 y=""] Boo',
            20, 5, "evntslog", "Boo",
        ),
        (b"<165>1 2003-10-11T22:14:15.003Z host - - - [ex@32473 iut=\"3\"]", 20, 5, "", None),
        # RFC 3164, section 5.4
        (b"<34>Oct 11 22:14:15 mymachine su: 'su root' failed", 4, 2, "su", "'su root' failed"),
        # busybox syslogd -R: no host
        (b"<13>Nov 22 11:13:00 root: hello\n", 1, 5, "root", "hello"),
        (b"<6>Nov 22 11:13:00 kernel: [    0.000000] Booting", 0, 6, "kernel", "[    0.000000] Booting"),
        # logger -d without a time zone, with a PID
        (b"<13>Nov  2 11:13:00 box root[1234]: hello: there", 1, 5, "root", "hello: there"),
        (b"<30>2026-11-22T11:13:00.123456+00:00 box systemd[1]: Started x.", 3, 6, "systemd", "Started x."),
        (b"<14>dnsmasq[7]: started", 1, 6, "dnsmasq", "started"),
        (b"no priority at all", 1, 5, "", "no priority at all"),
        (b"<999>what", 1, 5, "", "<999>what"),
        (b"<>x", 1, 5, "", "<>x"),
    ],
)  # fmt: skip
def test_real_messages(data, facility, severity, app, text):
    found = parse_syslog(data)
    if text is None:
        assert found == []
        return
    (line,) = found
    assert (line.facility, line.severity, line.app, line.text) == (facility, severity, app, text)


def test_several_lines_are_several():
    assert [line.text for line in parse_syslog(b"<13>a: one\ntwo\r\n\n\0")] == ["one", "two"]


def test_what_would_drive_a_terminal_is_shown():
    (line,) = parse_syslog("<13>a: \x1b]0;owned\x07 \u202etxt.exe\x9b31m \tend".encode())
    assert line.text == "\\x1b]0;owned\\x07 \\u202etxt.exe\\x9b31m \tend"
    assert harmless(b"caf\xc3\xa9 \xff\xfe") == "café \ufffd\ufffd"


def test_a_long_line_is_cut():
    (line,) = parse_syslog(b"<13>a: " + b"x" * 5000)
    assert len(line.text) == MAX_TEXT
    assert line.text.endswith("x…")


@given(st.binary(max_size=9000))
@example(b"<13>1 a b c d e " + b'[a b="\\' * 500)
@example(b"<13>Nov 22 11:13:00 " + b"a" * 8000)
@example(b"\n" * 9000)
def test_any_bytes_are_lines_of_harmless_text(data):
    for line in parse_syslog(data):
        assert 0 <= line.severity <= 7
        assert 0 <= line.facility <= 23
        assert line.text
        assert not [c for c in line.text + line.app if unicodedata.category(c) == "Cc" and c != "\t"]
        assert "\n" not in line.text


@given(
    st.integers(0, 191),
    st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=80),
)
def test_what_a_sender_says_comes_out(priority, text):
    (line,) = parse_syslog(f"<{priority}>1 2026-11-22T11:13:00Z h app 1 - - {text}".encode())
    assert (line.facility * 8 + line.severity, line.app, line.text) == (
        priority,
        "app",
        harmless(text.encode()),
    )
