"""Write the first inputs of the corpus: real packets, and one of each kind that we know.

usage: python tests/fuzz/seeds.py   (only new files are written; the fuzzer's own finds stay)
"""

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

from scapy.layers.dhcp import BOOTP
from scapy.utils import rdpcap

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parents[1]))

import fuzz_images  # noqa: E402
import fuzz_updates  # noqa: E402
from fuzz_captures import captures  # noqa: E402
from fuzz_targets import BOARD, as_input  # noqa: E402

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
    relayed = list(_relayed(chaddr, server))
    inputs = [as_input(m) for m in recorded + made + relayed]
    return [*inputs, as_input(*recorded[:4]), as_input(*made[:6]), as_input(*relayed[:6])]


def _relayed(chaddr: bytes, server: bytes) -> Iterator[bytes]:
    """By way of relays, in subnets that we know and others; with the suboptions of RFC 3046, 3527, 5107."""
    subnet, override = b"\5\4\x0a\x62\0\0", b"\x0b\4" + server
    for giaddr in ("10.98.0.1", "10.99.0.9", "10.97.0.1"):
        for kind in (MessageType.DISCOVER, MessageType.REQUEST, MessageType.INFORM):
            for agent in (b"\1\4eth0", b"\1\4eth0\2\6abcdef" + subnet, override, b"\1\xff", bytes(250), b""):
                options = {Option.MESSAGE_TYPE: bytes([kind]), Option.REQUESTED_IP: bytes([10, 98, 0, 100])}
                options |= {
                    Option.VENDOR_CLASS: b"PXEClient:Arch:00007:UNDI:003016",
                    Option.RELAY_AGENT: agent,
                }
                packet = DhcpPacket(op=Op.REQUEST, xid=7, chaddr=chaddr, options=options)
                yield encode(replace(packet, giaddr=IPv4Address(giaddr), hops=1))


def proxy() -> list[bytes]:
    """What PXE firmware sends to the second server, at both ports; each from an address, and without one."""
    chaddr, uuid = bytes.fromhex(BOARD.replace(":", "")), b"\0" + bytes(range(16))
    made = []
    for kind in (MessageType.DISCOVER, MessageType.REQUEST, MessageType.INFORM):
        for vendor, arch in ((b"PXEClient:Arch:00007:UNDI:003016", b"\0\7"), (b"PXEClient", b"\0\0"),
                             (b"HTTPClient:Arch:00016:UNDI:003001", b"\0\x10"), (b"U-Boot.armv8", b"\0\x0b"),
                             (b"PXEClient:Arch:00000:UNDI:002001", b"\0\0")):  # fmt: skip
            for address in ("0.0.0.0", "10.99.0.60"):
                options = {Option.MESSAGE_TYPE: bytes([kind]), Option.VENDOR_CLASS: vendor}
                options |= {Option.CLIENT_ARCH: arch, Option.CLIENT_UUID: uuid, 43: b"\x47\4\0\0\0\0\xff"}
                packet = DhcpPacket(op=Op.REQUEST, xid=7, chaddr=chaddr, options=options)
                made.append(encode(replace(packet, ciaddr=IPv4Address(address))))
    made += _relayed(chaddr, bytes([10, 99, 0, 1]))
    return [*(as_input(m) for m in made), as_input(*made[:6])]


def uploads() -> list[bytes]:
    """Files of no, one and some blocks, in order and out of it; names that lead out; what follows an end."""
    options = (("tsize", "9"), ("blksize", "8"), ("windowsize", "2"), ("timeout", "1"))
    data = [tftp.encode(tftp.Data(n, b"abcdefgh")) for n in range(1, 5)]
    end, empty = tftp.encode(tftp.Data(2, b"i")), tftp.encode(tftp.Data(1, b""))
    error, ack = tftp.encode(tftp.Error(0, "stop")), tftp.encode(tftp.Ack(1))
    many = [tftp.encode(tftp.Data(n, bytes(8))) for n in range(1, 15)]
    tails = ((), [data[0], end], [data[0], data[2], data[0], data[1], end, end], [empty, empty],
             [data[0], error], [ack, data[0], b"", b"\0\3", data[0] + b"too long", end],
             [data[0], end, data[0], error], many)  # fmt: skip
    names = [
        r"dmesg.txt",
        r"a/b/c",
        r"there.txt",
        r"out/x",
        r"out",
        r"../secret",
        r"..",
        r"/etc/passwd",
        r"a/../../secret",
        r"%2e%2e/x",
    ]
    names += [".bootlab-upload-1", "a\nb", "\udcff", "a/" * 9 + "b", "x" * 300]
    heads = [tftp.encode(tftp.WriteRequest(name, "octet", options)) for name in names]
    for mode in ("octet", "netascii", "mail"):
        for given in ((), options[:1], options[1:3], (("tsize", "99999"),), (("blksize", "65464"),)):
            heads.append(tftp.encode(tftp.WriteRequest("f", mode, given)))
    first = [as_input(heads[0], *tail) for tail in tails]
    return [*first, *(as_input(head, *tails[1]) for head in heads), as_input(heads[15], *tails[7])]


def names() -> list[bytes]:
    """What firmware asks for, what attackers do, ranges, and the names of scripts for people."""
    dashed = BOARD.replace(":", "-")
    paths = (
        r"""linux initrd.gz empty nothing out dtb/ boot.ipxe boot.scr.uimg grub/grub.cfg config.txt
        cmdline.txt pxelinux.cfg/01-DASHED pxelinux.cfg/0A630032 pxelinux.cfg/default grub.cfg-01-DASHED
        DASHED/boot.ipxe pxelinux.cfg/01234567-89ab-cdef-0123-456789abcdef 12345678/config.txt
        ../secret %2e%2e/secret ..\secret /etc/passwd dtb/../../secret
        / //linux linux/ c/token/user-data c/ boot/ boot/x.ipxe
        boot/../secret.ipxe boot/DASHED.ipxe.scr boot/MAC.scr boot/MAC.cfg boot/MAC.ipxe boot/MAC.grub
        boot/MAC.config.txt boot/MAC.cmdline.txt boot/MAC.exe""".replace("DASHED", dashed)
        .replace("MAC", BOARD)
        .split()
    )
    paths += ["", "\0", "a\r\nSet-Cookie: x", "\xff\xfe", "boot/" + "5" * 300 + ".scr"]
    asked = [as_input(path.encode("latin-1")) for path in paths]
    asked += [
        as_input(b"linux", b"", r)
        for r in (b"bytes=0-9", b"bytes=-1", b"bytes=9-1,2-3", b"x", b"bytes=99999-")
    ]
    return [*asked, as_input(b"grub.cfg", f"mac={BOARD}".encode()), as_input(b"grub.cfg", b"mac=../..")]


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
    made = {"dhcp": dhcp(), "proxy": proxy(), "tftp": tftp_requests(), "uploads": uploads(), "names": names()}
    made["captures"] = captures()
    made |= {"omaha": fuzz_updates.omaha(), "graph": fuzz_updates.graph(), "locks": fuzz_updates.locks()}
    made |= {"schematics": fuzz_images.schematics(), "archives": fuzz_images.archives()}
    for name, inputs in made.items():
        folder = HERE / "corpus" / name
        folder.mkdir(parents=True, exist_ok=True)
        for data in inputs:
            (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)
        print(name, len(list(folder.iterdir())), "inputs")


if __name__ == "__main__":
    main()
