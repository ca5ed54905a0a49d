"""Write the first inputs of the corpus: real packets, and one of each kind that we know.

usage: python tests/fuzz/seeds.py   (only new files are written; the fuzzer's own finds stay)
"""

import hashlib
import sys
from pathlib import Path

from scapy.layers.dhcp import BOOTP
from scapy.utils import rdpcap

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parents[1]))

from targets import BOARD, as_input  # noqa: E402

from pxe.wire import tftp  # noqa: E402
from pxe.wire.dhcp4 import DhcpPacket, MessageType, Op, Option, encode  # noqa: E402

PCAP = HERE.parents[1] / "tests" / "data" / "dhcp-uboot-2023.01.pcap"


def dhcp() -> list[bytes]:
    """Recorded messages, each kind of message alone, and whole dialogues."""
    recorded = [bytes(packet[BOOTP]) for packet in rdpcap(str(PCAP)) if BOOTP in packet]
    chaddr, server = bytes.fromhex(BOARD.replace(":", "")), bytes([10, 99, 0, 1])
    made = []
    for kind in MessageType:
        for more in ({}, {Option.REQUESTED_IP: bytes([10, 99, 0, 50])}, {Option.SERVER_ID: server},
                     {Option.CLIENT_ARCH: b"\0\7", Option.VENDOR_CLASS: b"PXEClient:Arch:00007:UNDI:003016"},
                     {Option.USER_CLASS: b"iPXE", Option.MAX_MESSAGE_SIZE: b"\2\x40"},
                     {Option.RELAY_AGENT: b"\1\4eth0", 80: b""}):  # fmt: skip
            options = {Option.MESSAGE_TYPE: bytes([kind]), **more}
            made.append(encode(DhcpPacket(op=Op.REQUEST, xid=7, chaddr=chaddr, options=options)))
    return [*(as_input(m) for m in recorded + made), as_input(*recorded[:4]), as_input(*made[:6])]


def tftp_requests() -> list[bytes]:
    """Requests as firmware sends them and as attackers do, each with what may follow."""
    options = (("tsize", "0"), ("blksize", "1468"), ("windowsize", "8"), ("timeout", "5"))
    names = ("linux", "/linux", "initrd.gz", "empty", "nothing", "..", "../secret", "..\\secret",
             "/etc/passwd", "out", "dtb/", "%2e%2e/secret", "a/../../secret",
             "\udcff\udcfe", "linux/", ".", "//", "linux/..")  # fmt: skip
    heads = [tftp.encode(tftp.ReadRequest(name, "octet", options)) for name in names]
    heads += [
        tftp.encode(tftp.ReadRequest("linux", mode, options[:n]))
        for mode in ("octet", "netascii", "mail")
        for n in range(5)
    ]
    heads += [tftp.encode(tftp.WriteRequest("linux", "octet", options))]
    for v in ("8", "9", "65464", "0", "-1", "x", "65535"):
        heads.append(tftp.encode(tftp.ReadRequest("linux", "octet", (("blksize", v), ("windowsize", v)))))
    acks = [tftp.encode(tftp.Ack(block)) for block in (0, 1, 2, 2, 1, 3, 4, 5, 65535, 10, 11)]
    others = [
        tftp.encode(tftp.Error(8, "no")),
        tftp.encode(tftp.Data(1, b"abcd")),
        tftp.encode(tftp.OptionAck(options)),
        b"\0",
        b"",
    ]
    return [as_input(head, *tail) for head in heads for tail in ((), acks, [*acks[:2], *others])]


def main() -> None:
    """Write them."""
    for name, inputs in (("dhcp", dhcp()), ("tftp", tftp_requests())):
        folder = HERE / "corpus" / name
        folder.mkdir(parents=True, exist_ok=True)
        for data in inputs:
            (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)
        print(name, len(list(folder.iterdir())), "inputs")


if __name__ == "__main__":
    main()
