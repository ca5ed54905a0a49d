"""A process of its own for the tests: our DHCP server alone, its events as JSON lines on stdout.

usage: serve.py '{"interface": ..., "address": ..., "pool": [first, last], "lease_seconds": ...,
"state_dir": ..., "machines": {mac: ip or null}, "bootfile": ...}'
"""

import json
import signal
import sys
import threading
import time
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

from pxe.boot.classify import Client
from pxe.events import Event, ServiceReady, to_json
from pxe.net.dhcp import DhcpServer, bind_dhcp
from pxe.plan import Machine
from pxe.settings import DhcpSettings
from pxe.state import LeaseStore, open_state


class Directory:
    def __init__(self, machines: dict[str, str | None], bootfile: str) -> None:
        self.machines = {
            mac: Machine(mac=mac, ip=IPv4Address(ip) if ip else None, plan="test")
            for mac, ip in machines.items()
        }
        self.reserved = {machine.ip: mac for mac, machine in self.machines.items() if machine.ip}
        self.file = bootfile

    def machine(self, mac: str) -> Machine | None:
        return self.machines.get(mac)

    def reserved_for(self, ip: IPv4Address) -> str | None:
        return self.reserved.get(ip)

    def bootfile(self, mac: str, client: Client) -> str:
        return self.file


def emit(event: Event) -> None:
    print(json.dumps(to_json(event)), flush=True)


def main() -> None:
    given = json.loads(sys.argv[1])
    first, last = map(IPv4Address, given["pool"])
    settings = DhcpSettings(
        interface=given["interface"],
        address=IPv4Interface(given["address"]),
        pool_start=first,
        pool_end=last,
        lease_seconds=given["lease_seconds"],
        router=IPv4Interface(given["address"]).ip,
    )
    engine = open_state(Path(given["state_dir"]))
    directory = Directory(given["machines"], given["bootfile"])
    with bind_dhcp(settings) as sock:
        server = DhcpServer(settings, sock, directory, LeaseStore(engine), emit)
        signal.signal(signal.SIGTERM, lambda *_: server.stop())
        serving = threading.Thread(target=server.serve)
        serving.start()
        emit(ServiceReady(t_ns=time.monotonic_ns()))
        serving.join()
    engine.dispose()


main()
