"""The site's cache of an Image Factory -> the program that runs it beside the boot service."""

from pathlib import Path

from lab.companions import Companion
from lab.config import schema
from lab.config.dhcp import listen_address


def factory_companion(file: schema.FactoryFile, service: schema.ServiceFile, base: Path) -> Companion:
    """Return the cache, on the boot service's own address where the section names none."""
    words = {
        "--listen": str(file.listen or listen_address(service)),
        "--port": str(file.port),
        "--upstream": file.upstream,
        "--folder": str(base / file.folder),
        "--limit": str(int(file.gigabytes * 1e9)),
    }
    arguments = [word for pair in words.items() for word in pair]
    return Companion(
        "factory", "lab.factorycache", (*arguments, *(["--allow-http"] if file.allow_http else []))
    )
