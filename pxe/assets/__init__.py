"""The catalogue of things to boot: images by name, version and architecture, their files by SHA-256.

Nothing counts before it was checked: a file is fetched beside the catalogue, compared with what was promised
for it (checksums, OpenPGP signatures, apt's own chain), moved to its place by one rename, and only then named
by a manifest. A kill at any moment leaves the catalogue as it was; a download goes on where it stopped.
"""

from pxe.assets.add import AddRequest, Promises, add_image
from pxe.assets.export import export_images
from pxe.assets.gc import Garbage, collect_garbage
from pxe.assets.import_ import import_images
from pxe.assets.manifest import ImageName, Manifest, Part
from pxe.assets.store import Store

__all__ = [
    "AddRequest",
    "Garbage",
    "ImageName",
    "Manifest",
    "Part",
    "Promises",
    "Store",
    "add_image",
    "collect_garbage",
    "export_images",
    "import_images",
]
