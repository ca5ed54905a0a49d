"""The legacy U-Boot image of type "script": what `source` and the distro boot commands take.

A 64-byte big-endian header (U-Boot include/image.h, `struct legacy_img_hdr`), then the data. A script's
data begins with a table of part sizes that ends with 0: U-Boot skips it, for a script as for a multi-part
image, and a script without it is cut by eight bytes. Both CRC-32 (header and data) are checked by U-Boot.
"""

import struct
import zlib

from pxe.errors import PlanError

HEADER_BYTES = 64
NAME_BYTES = 32
MAGIC = 0x27051956

_HEADER = struct.Struct(">7I4B32s")  # magic hcrc time size load entry dcrc, os arch type compression, name
_OS_LINUX = 5  # mkimage's default; U-Boot ignores it for scripts
_ARCH_ARM64 = 22
_TYPE_SCRIPT = 6
_NOT_COMPRESSED = 0


def script_image(script: str, *, name: str = "", timestamp: int = 0) -> bytes:
    """Return `script` as an image, byte for byte what `mkimage -A arm64 -T script -C none` makes.

    `name` is what U-Boot prints as "Image Name" (cut to 32 bytes); `timestamp` is seconds since 1970, 32
    bits. Raises PlanError for an empty script: mkimage refuses it, and U-Boot calls it a bad image.
    """
    body = script.encode("utf-8")
    if not body:
        raise PlanError("a boot script must not be empty: U-Boot refuses an image without data")
    data = struct.pack(">2I", len(body), 0) + body
    label = name.encode("ascii", "replace")[:NAME_BYTES]
    data_crc = zlib.crc32(data)

    def header(header_crc: int) -> bytes:
        return _HEADER.pack(
            *(MAGIC, header_crc, timestamp & 0xFFFFFFFF, len(data), 0, 0, data_crc),
            *(_OS_LINUX, _ARCH_ARM64, _TYPE_SCRIPT, _NOT_COMPRESSED, label),
        )

    return header(zlib.crc32(header(0))) + data
