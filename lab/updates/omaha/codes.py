"""Event types, results and error codes of update_engine, in words.

Source: ActionExitCode in src/update_engine/action_processor.h of flatcar/update_engine. Flags are or-ed into
the code: nodes that ask any server but Flatcar's own (so all of ours) set bit 28: 268435490 is code 34.
"""

from dataclasses import dataclass

COMPLETE, DOWNLOAD_STARTED, DOWNLOAD_FINISHED, INSTALLED = 3, 13, 14, 800
ERROR, SUCCESS, SUCCESS_REBOOT, DEFERRED = 0, 1, 2, 9
ROLLBACK = 44
HTTP_BASE = 2000

_FLAGS = {
    1 << 28: "from a server of one's own",
    1 << 29: "test image",
    1 << 30: "after a resumed download",
    1 << 31: "developer mode",
}
_MASK = sum(_FLAGS)

_WORDS = {
    0: "success",
    1: "error without a code of its own",
    2: "the request to the update server failed",
    3: "the answer of the update server could not be handled",
    4: "a file system could not be copied",
    5: "the postinstall program failed",
    6: "the boot flag could not be set",
    7: "the device to install to could not be opened",
    8: "the device of the kernel could not be opened",
    9: "the download broke off",
    10: "the payload's hash is not the one of the answer",
    11: "the payload's size is not the one of the answer",
    12: "the payload could not be verified",
    13: "the new partition's description is missing in the payload",
    14: "the payload could not be written",
    15: "the new root file system is not what it should be",
    16: "the new kernel is not what it should be",
    17: "a signed payload was expected",
    18: "the payload's signature does not fit the node's public key",
    19: "booted from the second firmware",
    20: "the state of the download could not be read",
    21: "the payload does not begin as one",
    22: "the payload's manifest has no signature",
    23: "the payload's manifest cannot be read",
    24: "the signature of the payload's metadata is wrong",
    25: "the signature of the payload's metadata could not be checked",
    26: "the signature of the payload's metadata does not fit",
    27: "the hash of an operation could not be checked",
    28: "an operation of the payload failed",
    29: "the hash of an operation does not fit",
    30: "the answer of the update server was empty",
    31: "the answer of the update server is not XML",
    32: "the size of the payload's metadata is wrong",
    33: "the signature of the payload's metadata is not valid",
    34: "the answer of the update server is not valid",
    35: "the update was ignored by policy",
    36: "the update was deferred by policy",
    37: "the update server answered with an HTTP error",
    38: "an operation of the payload has no hash",
    39: "the payload's metadata has no signature",
    40: "the update was deferred to back off",
    41: "the disk could not be wiped",
    42: "the new PCR policy could not be verified",
    43: "the new PCR policy could not be fetched",
    44: "rolled back: the node still runs the version from before the update",
    100: "the download is incomplete",
}


@dataclass(frozen=True, slots=True)
class Code:
    """An error code without its flags, and the flags; `words` says it all."""

    base: int
    flags: tuple[str, ...]
    words: str


def read_code(code: int) -> Code:
    """Take an error code apart. Any number is taken."""
    base = code & ~_MASK
    flags = tuple(word for bit, word in _FLAGS.items() if code & bit)
    if HTTP_BASE <= base < HTTP_BASE + 1000:
        words = f"the update server answered with HTTP status {base - HTTP_BASE}"
    else:
        words = _WORDS.get(base, f"code {base}, which update_engine 0.4.10 does not have")
    return Code(base, flags, f"{words} ({', '.join(flags)})" if flags else words)
