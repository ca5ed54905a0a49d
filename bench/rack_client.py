"""A rack of simulated machines: each gets an address by DHCP, a loader by TFTP, script and kernel by HTTP.

    python -m bench.rack_client < settings.json

Machines of lab.testing.firmware with no habits of their own: no firmware's waits are in what is measured.
The length of each file is compared; contents are what bench.http and bench.tftp compare. Prints one object
of JSON.
"""

import json
import statistics
import sys
from collections import Counter
from typing import Any

from lab.testing.firmware.machine import BootFailed, HttpRequest, Machine, Steps
from lab.testing.firmware.message import ACK, DISCOVER, NAMES, OFFER, REQUEST, Message, Options, packed
from lab.testing.firmware.network import Network
from lab.testing.firmware.tftp import TftpHabits

WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)  # seconds, as firmware repeats itself
SAID: Options = [
    (60, b"PXEClient:Arch:00007:UNDI:003016"),
    *((93, b"\0\7"), (94, b"\1\3\x10"), (57, b"\5\xc0"), (55, bytes((1, 3, 6, 13, 54, 66, 67, 43)))),
]


class Plain(Machine):
    def __init__(self, number: int, settings: dict[str, Any]) -> None:
        super().__init__(bytes.fromhex(f"5254{number:08x}").hex(":"), seed=settings["seed"])
        self.number, self.settings = number, settings
        options = (("blksize", 1468), ("tsize", 0), ("windowsize", settings["windowsize"]))
        self.habits = TftpHabits(options=options, waits=WAITS)

    def boot(self) -> Steps[None]:
        offer = yield from self.exchange(DISCOVER, OFFER, [])
        wanted: Options = [(50, packed(offer.yiaddr)), (54, packed(offer.server))]
        ack = yield from self.exchange(REQUEST, ACK, wanted)
        self.bound(ack)
        self.server, files = ack.siaddr, self.settings["files"]
        if not ack.bootfile:
            raise BootFailed("DHCP names no boot file")
        yield from self.load(ack.bootfile, files["loader"])
        get = self.load if self.settings["way"] == "tftp" else self.get
        yield from get(self.settings["script"], None)
        yield from get(self.settings["kernel"], files["kernel"])

    def exchange(self, kind: int, wanted: int, options: Options) -> Steps[Message]:
        for seconds in WAITS:
            self.send_dhcp(kind, [*options, *SAID])
            until = self.after(seconds)
            while (answer := (yield from self.listen(until))) is not None:
                if answer.kind == wanted:
                    return answer
            self.repeated(kind)
        raise BootFailed(f"no answer to DHCP {NAMES[kind]}")

    def load(self, name: str, size: int | None) -> Steps[None]:
        done = yield from self.tftp(self.server, name, self.habits)
        if done.error is not None or (size is not None and done.got != size):
            raise BootFailed(f"TFTP {name}: {done.error or f'{done.got} bytes, not {size}'}")

    def get(self, name: str, size: int | None) -> Steps[None]:
        headers = (("Host", self.server), ("Connection", "close"))
        asked = {"host": self.server, "port": 80, "method": "GET", "path": f"/{name}", "headers": headers}
        reply = yield from self.http(HttpRequest(**asked))
        if reply.error or reply.status != 200 or (size is not None and reply.length != size):
            raise BootFailed(f"HTTP {name}: {reply.status} {reply.error}, {reply.length} bytes, not {size}")


def main() -> None:
    settings = json.load(sys.stdin)
    machines = [Plain(number, settings) for number in range(1, settings["machines"] + 1)]
    Network(settings["interface"]).run(machines, settings["deadline"])
    began = min(machine.started for machine in machines)
    up = sorted(machine.ended - began for machine in machines if machine.up)
    failed = [f"{m.number}: {m.failure or 'not up when the time was over'}" for m in machines if not m.up]
    result = {
        "seconds": max((machine.ended for machine in machines), default=began) - began,
        "up": len(up),
        "failed": failed[:5],
        "median": statistics.median(up) if up else None,
        "repeats": sum((machine.repeats for machine in machines), Counter()),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
