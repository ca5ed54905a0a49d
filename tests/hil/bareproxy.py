"""A proxyDHCP server that names no file, but whom to ask on port 4011 (PXE 2.1 section 2.2).

usage: python bareproxy.py SERVER: on a host of its own, until it is stopped.
"""

import socket
import sys
from dataclasses import replace
from ipaddress import IPv4Address

from pxe.wire.dhcp4 import MessageType, Op, Option, decode, encode

server = IPv4Address(sys.argv[1])
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")  # no route leads to a broadcast
    sock.bind(("", 67))
    while True:
        asked = decode(sock.recv(2048))
        if asked.message_type is MessageType.DISCOVER:
            options = {
                Option.MESSAGE_TYPE: bytes([MessageType.OFFER]),
                Option.SERVER_ID: server.packed,
                Option.VENDOR_CLASS: b"PXEClient",
            }
            sock.sendto(encode(replace(asked, op=Op.REPLY, options=options)), ("255.255.255.255", 68))
