"""The part of a site file about machines' own log lines."""

from ipaddress import IPv4Address
from pathlib import Path

from lab.config import schema
from lab.config.dhcp import listen_address
from lab.config.receivers import lines_socket
from lab.config.yamlfile import Document
from pxe.settings import LogSettings

_SYSLOG_PORT = 514


def log_settings(file: schema.SiteFile, base: Path) -> LogSettings | None:
    """Return what is received, None where nothing is."""
    logs, service = file.service.logs, file.service
    relay = lines_socket(base / service.state) if file.receivers is not None else None
    if logs is None and relay is None:
        return None
    listen: IPv4Address = listen_address(service)
    return LogSettings(
        listen=listen,
        syslog=logs.syslog if logs is not None else None,
        netconsole=logs.netconsole if logs is not None else None,
        relay=relay,
    )


def check_logs(document: Document) -> None:
    """Note what needs more than one value to see."""
    service = document.data.get("service") if isinstance(document.data, dict) else None
    logs = service.get("logs") if isinstance(service, dict) else None
    if not isinstance(logs, dict):
        return
    where = ("service", "logs")
    syslog, netconsole = logs.get("syslog", _SYSLOG_PORT), logs.get("netconsole", 6666)
    if syslog is not None and syslog == netconsole:
        document.fault((*where, "netconsole"), f"port {netconsole} is syslog's; take another")
    if logs.get("offer") is True and syslog != _SYSLOG_PORT:
        document.fault(
            (*where, "offer"),
            "DHCP's option 7 names no port, so machines send to 514: leave `syslog` out, or `offer`",
        )
