"""Ignition configs made from the table of the spec itself, for tests here and against the real Ignition."""

from hypothesis import strategies as st

from pxe.boot.configs.spec import NEWEST, Group, Scalar, Scalars

# Configs made from the table itself: of any fields of spec 3.6, with harmless values.
_VALUES = {
    "path": st.integers(0, 999).map("/f{}".format),
    "device": st.integers(0, 999).map("/dev/d{}".format),
    "devices": st.just(["/dev/x"]),
    "source": st.sampled_from(["data:,x", "https://a/b", "gs://a/b", "arn:aws:s3:::b/k"]),
    "hash": st.sampled_from(["sha512-" + "0" * 128, "sha256-" + "0" * 64]),
    "compression": st.sampled_from(["", "gzip"]),
    "format": st.sampled_from(["ext4", "none"]),
    "level": st.sampled_from(["raid1", "6"]),
    "pin": st.sampled_from(["tpm2", "mine"]),
    "url": st.integers(0, 999).map("http://t/{}".format),
    "httpProxy": st.just("http://p"),
    "httpsProxy": st.just("https://p"),
    "advertisement": st.just("{}"),
    "guid": st.just("01234567-89AB-CDEF-EDCB-A98765432101"),
    "typeGuid": st.just(""),
    "mode": st.integers(0, 0o7777),
}


_UNIT_LINES = [
    "[Service]",
    "[Ser",
    "[A] b",
    "ExecStart=/bin/x \\",
    "  A = b",
    "abc",
    "# c",
    "",
    ";",
    "x" * 2100,
]


def anything(node, name, within="", newest=NEWEST):
    """A value for a field of the table, with no field that came after 3.`newest`."""
    ending = {"units": ".service", "dropins": ".conf"}.get(within)
    if name == "contents" and isinstance(node, Scalar):
        return st.lists(st.sampled_from(_UNIT_LINES), max_size=4).map("\n".join)
    if name == "name" and ending:
        return st.text("ab", min_size=1, max_size=3).map(lambda text: text + ending)
    if name in _VALUES:
        return _VALUES[name]
    if isinstance(node, Scalars):
        return st.lists(st.text("ab", max_size=2), unique=True, max_size=2)
    if isinstance(node, Scalar):
        by_type = {str: st.text("abc", min_size=1, max_size=4), int: st.integers(0, 99), bool: st.booleans()}
        return by_type[node.type]
    fields = {k: n for k, n in node.fields.items() if n.since <= newest}
    needed = {k for k, n in fields.items() if getattr(n, "required", False)}
    made = {k: anything(n, k, name, newest) for k, n in fields.items()}
    parts = st.fixed_dictionaries(
        {k: v for k, v in made.items() if k in needed},
        optional={k: v for k, v in made.items() if k not in needed},
    )
    return st.lists(parts, max_size=2) if isinstance(node, Group) and node.many else parts
