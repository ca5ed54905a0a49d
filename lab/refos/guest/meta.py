"""META: small values by key that outlive an upgrade. Talos has a partition for them, refos its store."""

import base64
import binascii
import json
from collections.abc import Mapping

from lab.refos.guest.model import PlatformError
from lab.refos.guest.platform import Store

META = "meta"
LARGEST_KEY, LARGEST_VALUE = 255, 64 << 10


async def read(store: Store) -> dict[int, bytes]:
    """Return what was saved; nothing where it cannot be read: META is no reason not to boot."""
    try:
        saved = await store.load(META)
        found = json.loads(saved.text) if saved is not None else {}
        return {int(key): base64.b64decode(value, validate=True) for key, value in found.items()}
    except (PlatformError, ValueError, TypeError, AttributeError, binascii.Error):
        return {}


async def save(store: Store, values: Mapping[int, bytes]) -> None:
    """Replace all of it. Raises PlatformError."""
    text = {str(key): base64.b64encode(value).decode() for key, value in sorted(values.items())}
    await store.save(META, json.dumps(text))
