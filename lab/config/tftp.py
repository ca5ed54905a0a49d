"""The TFTP server's part of a site file."""

from pathlib import Path

from lab.config import schema
from lab.config.dhcp import listen_address
from lab.config.yamlfile import Document
from pxe.settings import TftpSettings, UploadSettings


def tftp_settings(file: schema.ServiceFile, base: Path) -> TftpSettings | None:
    """Return what the file says of TFTP, None where it is off; paths are relative to `base`."""
    tftp = file.tftp
    if tftp is None:
        return None
    upload = None
    if tftp.upload is not None:
        upload = UploadSettings(
            folder=base / tftp.upload.folder,
            max_bytes=tftp.upload.max_bytes,
            max_files=tftp.upload.max_files,
            overwrite=tftp.upload.overwrite,
        )
    ports = tftp.port_range
    return TftpSettings(
        listen=listen_address(file),
        port=tftp.port,
        root=base / tftp.root if tftp.root is not None else None,
        upload=upload,
        single_port=tftp.single_port,
        port_range=(ports.first, ports.last) if ports is not None else None,
        rollover_to_1=tuple(mac.lower().replace("-", ":") for mac in tftp.rollover_to_1),
    )


def check_tftp(document: Document) -> None:
    """Note the faults that need more than one value to see."""
    service = document.data.get("service") if isinstance(document.data, dict) else None
    tftp = service.get("tftp") if isinstance(service, dict) else None
    if not isinstance(tftp, dict):
        return
    where = ("service", "tftp")
    ports = tftp.get("port_range")
    if isinstance(ports, dict):
        first, last = ports.get("first"), ports.get("last")
        if isinstance(first, int) and isinstance(last, int) and first > last:
            document.fault((*where, "port_range", "last"), f"{last} is before {first}; exchange them")
        if tftp.get("single_port") is True:
            document.fault(
                (*where, "port_range"), "with single_port there is one port only; leave one of the two out"
            )
    upload = tftp.get("upload")
    folder = upload.get("folder") if isinstance(upload, dict) else None
    if isinstance(folder, str):
        _check_upload(document, folder, tftp.get("root"))


def _check_upload(document: Document, folder: str, root: object) -> None:
    where = ("service", "tftp", "upload", "folder")
    base = document.path.absolute().parent
    path = (base / folder).resolve()
    if not path.is_dir():
        document.fault(where, f"there is no folder {folder} (seen from the folder of this file); make it")
    if isinstance(root, str) and path.is_relative_to((base / root).resolve()):
        document.fault(
            where, f"{folder} is below root {root}: every client could read what others upload; move it out"
        )
