"""The TFTP rules of bench.conformance, each with its source."""

from bench.conformance_probe import Optional, Probe, Rule, need
from bench.conformance_servers import LINES
from lab.testing.firmware.machine import Steps

DATA, ACK, ERROR, OACK = (code.to_bytes(2) for code in (3, 4, 5, 6))


def told(answer: bytes) -> dict[str, str]:
    words = answer[2:].rstrip(b"\0").decode("latin-1").split("\0")
    return {name.lower(): value for name, value in zip(words[::2], words[1::2], strict=False)}


def oack(answer: bytes) -> dict[str, str]:
    need(answer[:2] == OACK, f"{answer[:20]!r} instead of OACK")
    return told(answer)


def tsize(probe: Probe) -> Steps[None]:
    answer = yield from probe.request("lines.txt", "tsize", 0)
    probe.off()
    need(oack(answer).get("tsize") == str(len(LINES)), f"{told(answer)}")


def blksize(probe: Probe) -> Steps[None]:
    answer = yield from probe.request("kernel", "blksize", 1468)
    probe.off()
    value = int(oack(answer).get("blksize", 0))
    need(8 <= value <= 1468, f"blksize {value}")
    if value < 1468:
        raise Optional(f"{value}")


def blksize_huge(probe: Probe) -> Steps[None]:
    answer = yield from probe.request("kernel", "blksize", 65464)
    probe.off()
    need(answer[:2] != ERROR, f"ERROR {answer[3]}")
    need(int(oack(answer).get("blksize", 0)) <= 65464, f"{told(answer)}")


def windowsize(probe: Probe) -> Steps[None]:
    answer = yield from probe.request("kernel", "blksize", 1468, "windowsize", 4)
    probe.off()
    value = oack(answer).get("windowsize")
    if value is None:
        raise Optional("not known: every block waits for its ACK")
    need(1 <= int(value) <= 4, f"windowsize {value}")


def window_is_kept(probe: Probe) -> Steps[None]:
    answer = yield from probe.request("kernel", "blksize", 512, "windowsize", 4)
    if "windowsize" not in oack(answer):
        probe.off()
        raise Optional("not known")
    probe.reply_tftp(ACK + b"\0\0")
    seen = 0
    while len(probe.came) < 4 and seen < 20:  # a busy host may be late
        yield from probe.pause(0.1)
        seen += 1
    yield from probe.pause(0.3)
    count = len({came.data[:4] for came in probe.came})  # some may come twice: the ACK is late
    probe.off()
    need(count == 4, f"{count} blocks before the ACK")


def timeout(probe: Probe) -> Steps[None]:
    answer = yield from probe.request("kernel", "timeout", 5, "blksize", 1468)
    probe.off()
    value = oack(answer).get("timeout")
    need(value in (None, "5"), f"timeout {value}")
    if value is None:
        raise Optional("left out")


def nothing_unasked(probe: Probe) -> Steps[None]:
    answer = yield from probe.request("kernel", "tsize", 0)
    probe.off()
    need(set(oack(answer)) == {"tsize"}, f"OACK has {', '.join(oack(answer))}")


def unknown_option(probe: Probe) -> Steps[None]:
    answer = yield from probe.request("kernel", "marvel", 7, "tsize", 0)
    probe.off()
    need(answer[:2] != ERROR, f"ERROR {answer[3]}")
    need(set(oack(answer)) == {"tsize"}, f"OACK has {', '.join(oack(answer))}")


def bad_value(probe: Probe) -> Steps[None]:
    answer = yield from probe.request("kernel", "blksize", "many", "tsize", 0)
    probe.off()
    need(answer[:2] in (OACK, DATA), f'ERROR {answer[3]} for blksize "many"')
    need("blksize" not in told(answer) or answer[:2] == DATA, "blksize in the OACK")


def any_case(probe: Probe) -> Steps[None]:
    answer = yield from probe.request("kernel", "BLKSIZE", 1024, mode="OCTET")
    probe.off()
    need(oack(answer).get("blksize") == "1024", f"{told(answer)}")


def missing(probe: Probe) -> Steps[None]:
    answer = yield from probe.request("no-such-file")
    need(answer[:4] == ERROR + b"\0\1", f"{answer[:4].hex()} instead of ERROR 1")


def directory(probe: Probe) -> Steps[None]:
    answer = yield from probe.request("dtb/")
    need(
        answer[:2] == ERROR and answer[3] in (1, 2), f"{answer[:4].hex()}: U-Boot goes on after 1 and 2 alone"
    )


def outside(probe: Probe) -> Steps[None]:
    for name in ("../../../../../../../etc/passwd", "/../../../../../../etc/passwd"):
        answer = yield from probe.request(name)
        need(answer[:2] == ERROR, f"serves {name}")


def netascii(probe: Probe) -> Steps[None]:
    answer = yield from probe.request("lines.txt", mode="netascii")
    probe.off()
    need(answer[4:] == LINES.replace(b"\n", b"\r\n"), f"{answer[4:]!r}")


def own_port(probe: Probe) -> Steps[None]:
    yield from probe.request("kernel", "blksize", 512)
    probe.off()
    need(probe.peer[0] == probe.server, f"answers from {probe.peer[0]}")
    if probe.peer[1] == 69:
        raise Optional("from port 69")


def apprentice(probe: Probe) -> Steps[None]:
    yield from probe.request("kernel")
    for _ in range(3):
        probe.reply_tftp(ACK + b"\0\1")
    yield from probe.pause(0.4)
    blocks = [came.data[2:4] for came in probe.came]
    probe.off()
    need(
        blocks.count(b"\0\2") == 1, f"block 2 comes {blocks.count(bytes((0, 2)))} times for three equal ACKs"
    )


def stranger(probe: Probe) -> Steps[None]:
    yield from probe.request("kernel")
    other = probe.port + 1
    probe.send_tftp(ACK + b"\0\1", other, probe.peer)
    yield from probe.pause(0.3)
    seen = [came for came in probe.came if came.port == other]
    probe.came.clear()
    probe.reply_tftp(ACK + b"\0\1")
    answer = yield from probe.next_tftp(1.0)
    probe.off()
    need(answer is not None and answer.data[:4] == DATA + b"\0\2", "the transfer ended")
    if not seen or seen[0].data[:4] != ERROR + b"\0\5":
        raise Optional("no ERROR 5 to the stranger")


def exact(probe: Probe) -> Steps[None]:
    answer = yield from probe.request("exact")
    for number in (1, 2):
        need(answer[:4] == DATA + bytes((0, number)) and len(answer) == 516, "no whole block")
        probe.reply_tftp(ACK + bytes((0, number)))
        came = yield from probe.next_tftp(2.0)
        need(came is not None, f"nothing after block {number}")
        assert came is not None
        answer = came.data
    probe.reply_tftp(ACK + b"\0\3")
    need(answer == DATA + b"\0\3", "no empty last block")


def abort(probe: Probe) -> Steps[None]:
    yield from probe.request("kernel", "tsize", 0)
    probe.reply_tftp(ERROR + b"\0\10User aborted the transfer\0")
    probe.came.clear()
    yield from probe.pause(1.5)
    need(not probe.came, f"{len(probe.came)} datagrams after the client's ERROR 8")


def writing(probe: Probe) -> Steps[None]:
    answer = yield from probe.request("kernel", opcode=2)
    need(answer[:2] == ERROR, "takes a WRQ for a file that it serves")


def retransmission(probe: Probe) -> Steps[None]:
    yield from probe.request("kernel")
    probe.came.clear()
    again = yield from probe.next_tftp(8.0)
    probe.off()
    need(again is not None and again.data[:4] == DATA + b"\0\1", "no block comes again within 8 s")


def rollover(probe: Probe) -> Steps[None]:
    answer = yield from probe.request("large", "blksize", 8)
    need(oack(answer).get("blksize") == "8", f"{told(answer)}")
    probe.reply_tftp(ACK + b"\0\0")
    number, size = 0, 0
    while True:
        came = yield from probe.next_tftp(4.0)
        need(came is not None, f"nothing after block {number}")
        assert came is not None
        if came.data[:4] != DATA + ((number + 1) & 0xFFFF).to_bytes(2):
            continue
        number, size = number + 1, size + len(came.data) - 4
        probe.reply_tftp(ACK + came.data[2:4])
        if len(came.data) < 12:
            break
    need(size == 8 * 65536 + 5, f"{size} bytes")


RULES = (
    Rule("tsize is told", "RFC 2349", tsize),
    Rule("blksize 1468", "RFC 2348", blksize),
    Rule("blksize 65464 is no error", "RFC 2348", blksize_huge),
    Rule("windowsize, at most what was asked", "RFC 7440", windowsize),
    Rule("so many blocks for one ACK, no more", "RFC 7440", window_is_kept),
    Rule("timeout: the same, or left out", "RFC 2349", timeout),
    Rule("nothing in the OACK that was not asked", "RFC 2347", nothing_unasked),
    Rule("an unknown option is left out", "RFC 2347", unknown_option),
    Rule("a senseless value is left out", "RFC 2347", bad_value),
    Rule("options and mode in any case", "RFC 2347, RFC 1350", any_case),
    Rule("no such file: ERROR 1", "RFC 1350; U-Boot", missing),
    Rule("a folder: ERROR 1 or 2", "U-Boot asks for `dtb/`", directory),
    Rule("nothing outside its root", "", outside),
    Rule("netascii", "RFC 1350", netascii),
    Rule("from a port of its own, from the address asked", "RFC 1350 4", own_port),
    Rule("equal ACKs: one DATA", "RFC 1123 4.2.3.1", apprentice),
    Rule("ERROR 5 to a stranger, and the transfer goes on", "RFC 1350 4", stranger),
    Rule("an empty last block", "RFC 1350 6", exact),
    Rule("silence after the client's ERROR", "EDK2 aborts its size probe", abort),
    Rule("no WRQ", "", writing),
    Rule("sends a block again", "RFC 1350 2", retransmission, slow=True),
    Rule("block 65535 is followed by 0", "files over 65535 blocks", rollover, slow=True),
)
