"""Broadcast random and mutated DHCP messages from eth0.   usage: noise.py PCAP SEED COUNT MAC

The mutations start from the client's messages in PCAP, half of them with MAC put in, so that they get past
the question whether we know the machine. After each BURST a sound DISCOVER must get its OFFER: the server
lives, and has read all that came before.
"""

import random
import socket
import struct
import sys
from pathlib import Path

BURST = 500
HEADERS = 14 + 20 + 8  # Ethernet, IP without options, UDP
XID, CHADDR = slice(4, 8), slice(28, 34)
FLAGS = slice(10, 12)
SERVER = ("255.255.255.255", 67)


def messages(pcap: bytes) -> list[bytes]:
    """UDP payloads of a little-endian pcap file that went to port 67."""
    found, at = [], 24
    while at < len(pcap):
        size = struct.unpack_from("<8xI", pcap, at)[0]
        frame = pcap[at + 16 : at + 16 + size]
        if frame[36:38] == (67).to_bytes(2):
            found.append(frame[HEADERS:])
        at += 16 + size
    return found


def mutated(rng: random.Random, message: bytes, mac: bytes) -> bytes:
    data = bytearray(message)
    data[CHADDR] = rng.choice([mac, rng.randbytes(6)])
    for _ in range(rng.randrange(1, 5)):
        where = rng.choice(
            [rng.randrange(max(1, len(data))), rng.randrange(240, max(241, min(290, len(data))))]
        )
        match rng.randrange(8):
            case 0:
                del data[where : where + rng.randrange(1, 20)]
            case 1:
                data[where:where] = rng.randbytes(rng.randrange(1, 20))
            case _:
                data[where : where + 1] = rng.randbytes(1)
    return bytes(data)


def await_offer(sock: socket.socket, discover: bytes, mac: bytes, number: int) -> None:
    data = bytearray(discover)
    data[XID], data[CHADDR] = number.to_bytes(4), mac
    data[FLAGS] = b"\x80\x00"  # we have no address and no raw socket: only a broadcast reaches us
    sock.sendto(data, SERVER)
    while sock.recv(2048)[XID] != data[XID]:
        pass


def main() -> None:
    seeds = messages(Path(sys.argv[1]).read_bytes())
    rng, count, mac = (
        random.Random(int(sys.argv[2])),
        int(sys.argv[3]),
        bytes.fromhex(sys.argv[4].replace(":", "")),
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0\0")
        sock.bind(("", 68))
        sock.settimeout(20)
        for number in range(1, count + 1):
            noise = rng.randbytes(rng.randrange(700))
            data = noise if rng.random() < 0.3 else mutated(rng, rng.choice(seeds), mac)
            sock.sendto(data, SERVER)
            if number % BURST == 0:
                await_offer(sock, seeds[0], mac, number)
    print(count, "sent")


main()
