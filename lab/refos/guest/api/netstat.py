"""MachineService/Netstat: the sockets of the node, from /proc/net/tcp and its like (proc(5))."""

import socket
import struct
from collections.abc import Iterator

from lab.machineapi import netstat_pb2 as pb
from lab.refos.guest.api.call import Call
from lab.refos.guest.state.configuration import Unsupported

_PROTOCOLS = ("tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6")
_LISTEN, _CLOSE = pb.ConnectRecord.LISTEN, pb.ConnectRecord.CLOSE
_STATES, _TIMERS = pb.ConnectRecord.State.values(), pb.ConnectRecord.TimerActive.values()
_NUMBERS = (1 << 64) - 1


async def netstat(call: Call, request: pb.NetstatRequest) -> pb.NetstatResponse:
    """Return the sockets of the protocols that are asked for, or of all; `feature.pid`: whose they are."""
    if request.netns.allnetns or request.netns.netns:
        raise Unsupported("there is one network namespace here: ask for hostnetwork")
    wanted = [name for name in _PROTOCOLS if getattr(request.l4proto, name)] or _PROTOCOLS
    observer = call.node.platform.observer
    owners = observer.socket_owners() if request.feature.pid else {}
    found = []
    for name in wanted:
        for record in _records(name, observer.table(f"net/{name}")):
            if _passes(record, request.filter):
                if (owner := owners.get(record.inode)) is not None:
                    record.process.CopyFrom(pb.ConnectRecord.Process(pid=owner[0], name=owner[1]))
                found.append(record)
    return pb.NetstatResponse(messages=[pb.Netstat(connectrecord=found)])


def _passes(record: pb.ConnectRecord, wanted: int) -> bool:
    """Without a connection a socket of UDP is in the state CLOSE, and takes what comes."""
    if wanted == pb.NetstatRequest.ALL:
        return True
    stream = record.l4proto.startswith("tcp")
    listens = bool(record.state == (_LISTEN if stream else _CLOSE))
    return listens is bool(wanted == pb.NetstatRequest.LISTENING)


def _records(protocol: str, table: str) -> Iterator[pb.ConnectRecord]:
    for line in table.splitlines()[1:]:
        try:
            yield _record(protocol, line.split())
        except (ValueError, IndexError, OverflowError, struct.error):
            continue  # another kernel's table; a row less is no reason for none


def _record(protocol: str, words: list[str]) -> pb.ConnectRecord:
    """`sl local remote st tx:rx tr:when retrnsmt uid timeout inode ref pointer`, most of it hexadecimal."""
    local, local_port = _address(words[1])
    remote, remote_port = _address(words[2])
    sent, received = words[4].split(":")
    timer, when = words[5].split(":")
    state, active = int(words[3], 16), int(timer, 16)
    record = pb.ConnectRecord(
        l4proto=protocol,
        localip=local,
        localport=local_port,
        remoteip=remote,
        remoteport=remote_port,
        txqueue=int(sent, 16),
        rxqueue=int(received, 16),
        timerwhen=int(when, 16),
        retrnsmt=int(words[6], 16),
        uid=int(words[7]),
        timeout=int(words[8]),
        inode=int(words[9]),
        ref=int(words[10]),
        pointer=int(words[11], 16) & _NUMBERS,
    )
    record.state = state if state in _STATES else 0  # type: ignore[assignment]  # an enum is a number here
    record.tr = active if active in _TIMERS else 0  # type: ignore[assignment]
    return record


def _address(text: str) -> tuple[str, int]:
    """Read `0100007F:1F90`: 32-bit words in the processor's own order."""
    host, port = text.split(":")
    raw = bytes.fromhex(host)
    swapped = struct.pack(f"={len(raw) // 4}I", *struct.unpack(f">{len(raw) // 4}I", raw))
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, swapped), int(port, 16)
