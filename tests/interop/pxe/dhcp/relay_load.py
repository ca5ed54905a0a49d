"""Clients behind a relay, many at once: prints `ACK mac ip` for each lease that it was granted.

usage: relay_load.py RELAY SERVER COUNT    (as the relay RELAY; ends when nothing came for two seconds)
"""

import socket
import sys
from ipaddress import IPv4Address

from pxe.wire.dhcp4 import DhcpPacket, MessageType, Op, Option, decode, encode

AT_ONCE = 16


def message(number: int, kind: MessageType, relay: str, **options: bytes) -> bytes:
    more = {Option[name]: value for name, value in options.items()}
    return encode(
        DhcpPacket(
            op=Op.REQUEST,
            xid=number,
            giaddr=IPv4Address(relay),
            chaddr=b"\x02\0\0\0" + number.to_bytes(2),
            options={Option.MESSAGE_TYPE: bytes((kind,)), **more},
        )
    )


def main() -> None:
    relay, server, count = sys.argv[1], (sys.argv[2], 67), int(sys.argv[3])
    waiting = iter(range(count))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((relay, 67))
        sock.settimeout(2)
        for _ in range(AT_ONCE):
            sock.sendto(message(next(waiting), MessageType.DISCOVER, relay), server)
        try:
            while True:
                reply = decode(sock.recv(2048))
                chosen = {"SERVER_ID": reply.options[Option.SERVER_ID], "REQUESTED_IP": reply.yiaddr.packed}
                if reply.message_type is MessageType.OFFER:
                    sock.sendto(message(reply.xid, MessageType.REQUEST, relay, **chosen), server)
                    continue
                print("ACK", reply.mac, reply.yiaddr, flush=True)
                number = next(waiting, None)
                if number is not None:
                    sock.sendto(message(number, MessageType.DISCOVER, relay), server)
        except (TimeoutError, ConnectionRefusedError):
            print("end", flush=True)


main()
