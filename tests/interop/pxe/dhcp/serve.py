"""A process of its own for the tests: our DHCP server alone, its events as JSON lines on stdout.

usage: serve.py '{"interface": ..., "address": ..., "pool": [first, last], "lease_seconds": ...,
"state_dir": ..., "machines": {mac: ip or null}, "bootfile": ...}'
Further keys: "subnets" (behind relays), each {"network", "pool", "router"}; "links" (further interfaces),
each {"interface", "address", "pool"}. `{server}` in the bootfile is our address there.
"""

import contextlib
import json
import os
import signal
import sys
import threading
import time
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any

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
        return self.file.format(server=server)


def emit(event: Event) -> None:
    say(to_json(event))


def say(obj: dict[str, Any]) -> None:
    """A line of output; whole, though two threads write."""
    os.write(1, (json.dumps(obj) + "\n").encode())


def tell(server: DhcpServer) -> None:
    """Say whose the addresses on standard input are."""
    for line in sys.stdin:
        say({"who": server.mac_of(IPv4Address(line.strip()))})


def subnet(network: str, pool: list[str], router: str, lease_seconds: int) -> Subnet:
    first, last = map(IPv4Address, pool)
    return Subnet(
        network=IPv4Network(network),
        ranges=(AddressRange(first=first, last=last),),
        lease_seconds=lease_seconds,
        router=IPv4Address(router),
    )


def link(part: dict[str, Any], given: dict[str, Any]) -> DhcpSettings:
    address = IPv4Interface(part["address"])
    seconds = given["lease_seconds"]
    return DhcpSettings(
        interface=part["interface"],
        address=address,
        subnets=(
            subnet(str(address.network), part["pool"], str(address.ip), seconds),
            *(subnet(**behind, lease_seconds=seconds) for behind in part.get("subnets", [])),
        ),
        probe=given.get("probe", True),
        mode=DhcpMode(given.get("mode", "server")),
        policies=(DhcpPolicy(name="delay", when=Selector(), delay_seconds=given.get("delay", 0.0)),),
    )


def main() -> None:
    given = json.loads(sys.argv[1])
    settings = tuple(link(part, given) for part in (given, *given.get("links", [])))
    engine = open_state(Path(given["state_dir"]))
    directory = Directory(given["machines"], given["bootfile"])
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(contextlib.closing(bind_dhcp(one))) for one in settings]
        server = DhcpServer(settings, sockets, directory, LeaseStore(engine), emit)
        signal.signal(signal.SIGTERM, lambda *_: server.stop())
        serving = threading.Thread(target=server.serve)
        serving.start()
        emit(ServiceReady(t_ns=time.monotonic_ns()))
        threading.Thread(target=tell, args=(server,), daemon=True).start()
        serving.join()
    engine.dispose()


main()
