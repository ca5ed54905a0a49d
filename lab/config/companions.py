"""Parts of a site that run beside the boot service, each in a program of its own -> `Companion`s."""

from pathlib import Path

from lab.companions import Companion
from lab.config import schema
from lab.config.dhcp import listen_address
from lab.config.factory import factory_companion
from lab.config.receivers import receiver_companion
from lab.config.yamlfile import Document


def companions_of(file: schema.SiteFile, base: Path, document: Document) -> tuple[Companion, ...]:
    """Return what `bootlab serve` runs beside the service; notes faults in the document."""
    found = []
    if file.updates is not None:
        path = base / file.updates
        if not path.is_file():
            document.fault(("updates",), f"{file.updates}: no such file; docs/updates.md says what is in it")
        found.append(Companion("updates", "lab.updates", (str(path),)))
    if file.factory is not None:
        found.append(factory_companion(file.factory, file.service, base))
    if file.receivers is not None:
        listen, server = str(listen_address(file.service)), file.service.address.partition("/")[0]
        state = base / file.service.state
        found.append(receiver_companion(file.receivers, listen, server, base, state, document))
    return tuple(found)
