"""Print a line for each frame that this host sends out of an interface.   usage: outgoing.py INTERFACE"""

import socket
import sys

ALL = 3
OUTGOING = 4

sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL))
sock.bind((sys.argv[1], ALL))
print("listening", flush=True)
while True:
    frame, address = sock.recvfrom(2048)
    if address[2] == OUTGOING:
        print("sent", frame[:12].hex(), frame[12:14].hex(), frame[14:64].hex(), flush=True)
