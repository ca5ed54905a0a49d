"""Ignition: what a client accepts, what is valid, and the same in an older spec without a loss."""

import base64
import gzip
import json

import pytest
from config_generated import anything
from hypothesis import given, settings
from hypothesis import strategies as st

from pxe.boot.configs.ignition import Ignition, accepted, converted, parse
from pxe.boot.configs.spec import NEWEST, SPEC
from pxe.errors import PlanError, RefusalReason, RequestRefused


def config(minor, **parts):
    return {"ignition": {"version": f"3.{minor}.0"}, **parts}


def fault(value):
    with pytest.raises(PlanError) as caught:
        parse(value if isinstance(value, str) else json.dumps(value))
    return str(caught.value)


@pytest.mark.parametrize(
    ("header", "version"),
    [
        ("application/vnd.coreos.ignition+json;version=3.4.0, */*;q=0.1", (3, 4)),
        ("application/vnd.coreos.ignition+json; version=3.3.0, */*; q=0.1", (3, 3)),
        ('application/vnd.coreos.ignition+json;version="3.6.0"', (3, 6)),
        ("application/vnd.coreos.ignition+json;version=3.7.0-experimental, */*;q=0.1", (3, 7)),
        (
            "application/vnd.coreos.ignition+json; version=2.4.0, "
            "application/vnd.coreos.ignition+json; version=1; q=0.5, */*; q=0.1",
            (2, 4),
        ),
        ("Application/Vnd.CoreOS.Ignition+JSON;Version=3.1.0", (3, 1)),
        ("application/vnd.coreos.ignition+json", None),
        ("*/*", None),
        ("", None),
        ("application/json;version=3.0.0", None),
    ],
)
def test_accept_header(header, version):
    assert accepted(header) == version


@given(st.text())
def test_any_accept_header_is_survived(header):
    accepted(header)
    accepted("application/vnd.coreos.ignition+json;version=" + header)


@pytest.mark.parametrize("minor", range(NEWEST + 1))
def test_the_least_config_of_each_version(minor):
    assert parse(json.dumps(config(minor))) == Ignition(minor, config(minor))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON"),
        ("variant: fcos", "not JSON"),
        ("[]", "ignition.version: is missing"),
        ("{}", "ignition.version: is missing"),
        ('{"ignition": {"version": 3}}', "ignition.version"),
        ('{"ignition": {"version": "2.4.0"}}', "'2.4.0' is none of 3.0.0 to 3.6.0"),
        ('{"ignition": {"version": "3.7.0-experimental"}}', "is none of"),
        ('{"ignition": {"version": "3.99999999999999.0"}}', "is none of"),
        ('{"ignition": {"version": "3.0.0", "version": "3.1.0"}}', "comes twice"),
        ('{"ignition": {"version": "3.0.0"}, "x": NaN}', "NaN"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_config(text, says):
    assert says in fault(text)


def storage(minor=4, **parts):
    return config(minor, storage=parts)


def file(**fields):
    return {"path": "/etc/x", **fields}


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (config(2, kernelArguments={}), "kernelArguments: came with spec 3.3"),
        (config(4, storag={}), "storag: there is no such field"),
        (storage(files={}), "storage.files: must be a list"),
        (storage(files=[file(path="etc/x")]), "storage.files[0].path: 'etc/x' is not an absolute path"),
        (storage(files=[file(path="/etc//x")]), "storage.files[0].path"),
        (storage(files=[{}]), "storage.files[0].path: is missing"),
        (storage(files=[file(mode=True)]), "storage.files[0].mode: must be a whole number"),
        (storage(files=[file(mode=0o10000)]), "storage.files[0].mode"),
        (storage(files=[file(mode=420.0)]), "storage.files[0].mode"),
        (storage(files=[file(), file()]), "comes twice"),
        (storage(files=[file()], links=[file(target="/y")]), "comes twice"),
        (storage(files=[file(contents={"source": "ftp://x/y"})]), "storage.files[0].contents.source"),
        (storage(1, files=[file(contents={"source": "gs://x/y"})]), "came with 3.2"),
        (storage(files=[file(contents={"verification": {"hash": "sha512-" + "0" * 128}})]), "verification"),
        (storage(files=[file(contents={"source": "data:,", "verification": {"hash": "md5-0"}})]), "hash"),
        (
            storage(
                0, files=[file(contents={"source": "data:,", "verification": {"hash": f"sha256-{'0' * 64}"}})]
            ),
            "3.1",
        ),
        (storage(files=[file(contents={"source": "data:;base64,***"})]), "RFC 2397"),
        (storage(files=[file(overwrite=True)]), "overwrite"),
        (storage(files=[file(user={"id": 1, "name": "a"})]), "user"),
        (storage(files=[file(path="/a/b")], links=[{"path": "/a", "target": "/c"}]), "below a link"),
        (storage(links=[{"path": "/a"}]), "target: is missing"),
        (storage(2, filesystems=[{"device": "/dev/a", "format": "none"}]), "'none' came with 3.3"),
        (storage(filesystems=[{"device": "/dev/a", "path": "/x"}]), "format: is missing"),
        (storage(filesystems=[{"device": "/dev/a", "format": "xfs", "label": "1234567890123"}]), "label"),
        (storage(disks=[{"device": "/dev/a", "partitions": [{}]}]), "needs a number"),
        (storage(disks=[{"device": "/dev/a", "partitions": [{"number": 1}, {"number": 1}]}]), "twice"),
        (
            storage(
                disks=[
                    {
                        "device": "/dev/a",
                        "partitions": [
                            {"number": 1, "startMiB": 1, "sizeMiB": 5},
                            {"number": 2, "startMiB": 3, "sizeMiB": 9},
                        ],
                    }
                ]
            ),
            "overlaps",
        ),
        (storage(raid=[{"name": "r", "level": "raid7", "devices": ["/dev/a"]}]), "level"),
        (storage(raid=[{"name": "r", "level": "raid1"}]), "devices: is missing"),
        (storage(luks=[{"name": "a/b", "device": "/dev/a"}]), "slash"),
        (
            storage(luks=[{"name": "a", "device": "/dev/a", "clevis": {"tang": [{"url": "http://x"}]}}]),
            "thumbprint",
        ),
        (config(4, systemd={"units": [{"name": "x"}]}), "systemd.units[0].name"),
        (config(4, systemd={"units": [{"name": "x.service", "dropins": [{"name": "y"}]}]}), ".conf"),
        (config(4, systemd={"units": [{"name": "x.service", "contents": "[Service"}]}), "line 1"),
        (config(4, systemd={"units": [{"name": "x.service", "contents": "[A]\nB=c\\\nd\ne\n"}]}), "line 4"),
        (config(4, kernelArguments={"shouldExist": ["a", "b"], "shouldNotExist": ["b"]}), "'b' both should"),
        (config(4, passwd={"users": [{}]}), "passwd.users[0].name: is missing"),
        (config(1, passwd={"users": [{"name": "a", "shouldExist": True}]}), "came with spec 3.2"),
        ({"ignition": {"version": "3.4.0", "config": {"merge": [{}]}}}, "merge[0].source: is missing"),
        ({"ignition": {"version": "3.4.0", "proxy": {"httpProxy": "x"}}}, "proxy.httpProxy"),
    ],
)
def test_faults_are_named(value, where):
    assert where in fault(value)


def test_null_is_a_field_left_out():
    assert parse(json.dumps(storage(files=[file(mode=None, contents=None)], luks=None))).minor == 4


def data(value, *, packed=False):
    raw = json.dumps(value).encode()
    return "data:;base64," + base64.b64encode(gzip.compress(raw) if packed else raw).decode()


def merging(minor, **resource):
    return {"ignition": {"version": f"3.{minor}.0", "config": {"merge": [resource]}}}


def test_configs_within_configs():
    good = merging(4, source=data(config(4, kernelArguments={}), packed=True), compression="gzip")
    assert parse(json.dumps(good)).minor == 4
    assert "merge[0]: the config in it: storag: " in fault(merging(4, source=data(config(4, storag={}))))
    assert "not gzip" in fault(merging(4, source="data:,xxxxxxxxxxxxxxxxxxxxxxxx", compression="gzip"))
    bomb = base64.b64encode(gzip.compress(b" " * (1 << 24))).decode()
    assert "bytes unpacked" in fault(merging(4, source="data:;base64," + bomb, compression="gzip"))
    deep = config(4)
    for _ in range(6):
        deep = merging(4, source=data(deep))
    assert "deep" in fault(deep)


def test_a_client_that_reads_it_gets_it_as_it_is():
    stored = parse(json.dumps(storage(3, files=[], links=None)))
    for wanted in (None, (3, 3), (3, 6), (3, 7), (4, 0)):
        assert converted(stored, wanted) is stored


def test_what_says_nothing_is_no_loss():
    stored = parse(
        json.dumps(config(6, kernelArguments={"shouldExist": []}, storage={"luks": [], "files": [file()]}))
    )
    old = converted(stored, (3, 0))
    assert old.config == config(0, storage={"files": [file()]})


@pytest.mark.parametrize(
    ("value", "reads", "fails", "word"),
    [
        (config(6, kernelArguments={"shouldExist": ["a"]}), 3, 2, "kernelArguments"),
        (storage(6, files=[file(mode=0o4755)]), 6, 5, "setuid"),
        (storage(6, luks=[{"name": "l", "device": "/dev/a", "discard": False}]), 4, 3, "discard"),
        (storage(6, luks=[{"name": "l", "device": "/dev/a"}]), 2, 1, "luks"),
        (storage(6, luks=[{"name": "l", "device": "/dev/a", "cex": {"enabled": True}}]), 5, 4, "cex"),
        (storage(6, filesystems=[{"device": "/dev/a", "format": "none"}]), 3, 2, "'none'"),
        (
            storage(6, filesystems=[{"device": "/dev/a", "format": "xfs", "mountOptions": ["a"]}]),
            1,
            0,
            "mountOptions",
        ),
        (storage(6, files=[file(contents={"source": "gs://a/b"})]), 2, 1, "gs:"),
        (storage(6, files=[file(contents={"source": "arn:aws:s3:::b/k"})]), 4, 3, "arn:"),
        (config(6, passwd={"groups": [{"name": "g", "shouldExist": False}]}), 2, 1, "shouldExist"),
        (merging(6, source=data(config(4))), 4, 3, "newer spec"),
        (merging(6, source="http://x/y", compression="gzip"), 1, 0, "compression"),
    ],
)
def test_lossless_down_to_the_version_that_has_it_and_no_further(value, reads, fails, word):
    stored = parse(json.dumps(value))
    old = converted(stored, (3, reads))
    assert old.config == {**value, "ignition": {**value["ignition"], "version": f"3.{reads}.0"}}
    assert parse(old.text()) == old
    with pytest.raises(RequestRefused, match=word) as caught:
        converted(stored, (3, fails))
    assert caught.value.reason is RefusalReason.UNSUPPORTED


def test_special_bits_have_no_effect_in_old_specs_so_none_is_lost():
    stored = parse(json.dumps(storage(5, files=[file(mode=0o4755)])))
    assert converted(stored, (3, 0)).config["storage"] == stored.config["storage"]


@pytest.mark.parametrize("wanted", [(2, 4), (2, 0), (1, 0)])
def test_old_ignition_is_told_clearly(wanted):
    with pytest.raises(RequestRefused, match="different languages"):
        converted(parse(json.dumps(config(0))), wanted)


@settings(deadline=None)
@given(st.data(), st.integers(0, NEWEST), st.integers(0, NEWEST), st.integers(0, NEWEST))
def test_down_conversion_keeps_every_word(data, stored, wanted, newest):
    value = data.draw(anything(SPEC, "", newest=min(stored, newest)))
    value["ignition"]["version"] = f"3.{stored}.0"
    try:
        ours = parse(json.dumps(value))
        old = converted(ours, (3, wanted))
    except (PlanError, RequestRefused):
        return
    assert old.minor == min(stored, wanted)
    assert parse(old.text()) == old, "what goes out is valid in its version"
    assert words(old.config) == words(ours.config)
    assert converted(old, (3, NEWEST)) is old


def words(value, where=()):
    """All that a config says: each leaf with its path, the version aside."""
    if isinstance(value, dict):
        return {leaf for key, part in value.items() for leaf in words(part, (*where, key))}
    if isinstance(value, list):
        return {leaf for number, part in enumerate(value) for leaf in words(part, (*where, number))}
    return set() if value is None or where == ("ignition", "version") else {(where, repr(value))}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "ignition",
                        "version",
                        "storage",
                        "files",
                        "path",
                        "config",
                        "merge",
                        "source",
                        "systemd",
                        "units",
                        "name",
                        "disks",
                        "partitions",
                    ]
                ),
                inner,
            )
        ),
    )
)
def test_any_json_is_a_config_or_a_fault(value):
    if isinstance(value, dict):
        value["ignition"] = {
            "version": "3.4.0",
            **(value.get("ignition") if isinstance(value.get("ignition"), dict) else {}),
        }
    try:
        parse(json.dumps(value))
    except PlanError:
        return
