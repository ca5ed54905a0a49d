"""A process of its own for the tests: our DHCP server alone, its events as JSON lines on stdout.

usage: serve.py '{"interface": ..., "address": ..., "pool": [first, last], "lease_seconds": ...,
"state_dir": ..., "machines": {mac: ip or null}, "bootfile": ...}'
"""

import contextlib
import json
import signal
import sys
import threading
import time
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

from pxe.boot.classify import Client
from pxe.boot.select import Choice
from pxe.events import Event, ServiceReady, to_json
from pxe.net.dhcp import DhcpServer, bind_dhcp
from pxe.plan import Machine, Selector
from pxe.settings import AddressRange, DhcpMode, DhcpPolicy, DhcpSettings, Subnet
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
        everybody = Machine(mac=mac) if "*" in self.machines else None
        return self.machines.get(mac) or everybody

    def admit(self, client: Client, now: float) -> Machine | None:
        return self.machine(client.mac)

    def choice(self, mac: str, address: IPv4Address | None = None) -> Choice:
        return Choice(plan=None, why="")

    def reserved_for(self, ip: IPv4Address) -> str | None:
        return self.reserved.get(ip)

    def bootfile(
        self,
        mac: str,
        client: Client,
        address: IPv4Address | None = None,
        server: IPv4Address | None = None,
    ) -> str:
        return self.file


def emit(event: Event) -> None:
    print(json.dumps(to_json(event)), flush=True)


def tell(server: DhcpServer) -> None:
    """Say whose the addresses on standard input are."""
    for line in sys.stdin:
        print(json.dumps({"who": server.mac_of(IPv4Address(line.strip()))}), flush=True)


def main() -> None:
    given = json.loads(sys.argv[1])
    first, last = map(IPv4Address, given["pool"])
    address = IPv4Interface(given["address"])
    subnet = Subnet(
        network=address.network,
        ranges=(AddressRange(first=first, last=last),),
        lease_seconds=given["lease_seconds"],
        router=address.ip,
    )
    settings = DhcpSettings(
        interface=given["interface"],
        address=address,
        subnets=(subnet,),
        probe=given.get("probe", True),
        mode=DhcpMode(given.get("mode", "server")),
        policies=(DhcpPolicy(name="delay", when=Selector(), delay_seconds=given.get("delay", 0.0)),),
    )
    engine = open_state(Path(given["state_dir"]))
    directory = Directory(given["machines"], given["bootfile"])
    with contextlib.closing(bind_dhcp(settings)) as sockets:
        server = DhcpServer((settings,), (sockets,), directory, LeaseStore(engine), emit)
        signal.signal(signal.SIGTERM, lambda *_: server.stop())
        serving = threading.Thread(target=server.serve)
        serving.start()
        emit(ServiceReady(t_ns=time.monotonic_ns()))
        threading.Thread(target=tell, args=(server,), daemon=True).start()
        serving.join()
    engine.dispose()


main()
