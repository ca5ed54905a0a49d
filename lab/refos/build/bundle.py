"""Update bundles of RAUC: a slot's content, signed, in the format "verity" (checked block by block as it is
read, so that it can be installed while it streams). https://rauc.readthedocs.io, "Bundle Formats".
"""

import shutil
import tempfile
from pathlib import Path

from lab.refos.build.hosttools import HostTools
from lab.refos.build.keys import SigningKeys
from lab.refos.build.rootfs import Identity

_MANIFEST = """\
[update]
compatible={compatible}
version={version}

[bundle]
format=verity

[image.system]
filename=slot.img
"""
# What is inside is compressed already, and an emulated board would pay for unpacking it twice
_PLAIN = "-noI -noD -noF -noX -no-xattrs"


def make_bundle(out: Path, slot: Path, identity: Identity, keys: SigningKeys, tools: HostTools) -> None:
    """Write a bundle of `slot`. Raises InfrastructureError with RAUC's complaint.

    Its content is always the same; its signature and the salt of its hash tree are not.
    """
    with tempfile.TemporaryDirectory(dir=out.parent) as made:
        content = Path(made, "content")
        content.mkdir()
        shutil.copyfile(slot, content / "slot.img")
        manifest = _MANIFEST.format(compatible=identity.compatible, version=identity.version)
        (content / "manifest.raucm").write_text(manifest)
        bundle = Path(made, out.name)  # rauc refuses to overwrite
        options = [f"--cert={keys.certificate}", f"--key={keys.key}", f"--mksquashfs-args={_PLAIN}"]
        tools.rauc(["bundle", *options, str(content), str(bundle)], Path(made))
        bundle.replace(out)
