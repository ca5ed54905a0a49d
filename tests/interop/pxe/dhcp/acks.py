"""Runs a DHCP client and prints `ACK mac ip` for each ACK that comes in by the interface, whoever reads it.

usage: acks.py INTERFACE COMMAND...
Ends with the command, or ends it when a line is typed; prints `end` then.
"""

import select
import socket
import subprocess
import sys

from pxe.errors import WireError
from pxe.wire.dhcp4 import MessageType, decode

ETHERTYPE_IPV4 = 0x0800
HEADERS = 14 + 20 + 8  # Ethernet, IPv4 without options, UDP
OURS = slice(34, 36)  # the source port


def main() -> None:
    interface, *command = sys.argv[1:]
    typed = [sys.stdin]
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE_IPV4)) as sock:
        sock.bind((interface, ETHERTYPE_IPV4))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as client:
            while client.poll() is None or select.select([sock], [], [], 0)[0]:
                ready = select.select([sock, *typed], [], [], 0.1)[0]
                if sock in ready:
                    tell(sock.recv(2048))
                elif ready:
                    typed.clear()
                    client.terminate()
    print("end", flush=True)


def tell(frame: bytes) -> None:
    """Print the lease in a frame, where it has one."""
    if frame[OURS] != (67).to_bytes(2):
        return
    try:
        message = decode(frame[HEADERS:])
    except WireError:
        return
    if message.message_type is MessageType.ACK:
        print("ACK", message.mac, message.yiaddr, flush=True)


main()
