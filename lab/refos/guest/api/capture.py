"""PacketCapture: frames of an interface as a pcap file (classic format, microseconds, linktype ETHERNET)."""

import struct
from collections.abc import AsyncIterator

from grpclib.const import Status
from grpclib.exceptions import GRPCError

from lab.machineapi import common_pb2
from lab.machineapi import machine_pb2 as pb
from lab.refos.guest.api.call import Call
from lab.refos.guest.model import BpfInstruction, Packet

_MAGIC = 0xA1B2C3D4
_ETHERNET = 1
_LARGEST = 65535
_LONGEST_PROGRAM = 4096  # instructions, BPF_MAXINSNS
_GLOBAL = struct.Struct("<IHHiIII")
_RECORD = struct.Struct("<IIII")


async def packet_capture(call: Call, request: pb.PacketCaptureRequest) -> AsyncIterator[common_pb2.Data]:
    """Yield the file's header, then a record for each frame, until the caller ends it."""
    if len(request.bpf_filter) > _LONGEST_PROGRAM:
        raise GRPCError(Status.INVALID_ARGUMENT, f"bpf_filter: more than {_LONGEST_PROGRAM} instructions")
    program = [_instruction(one) for one in request.bpf_filter]
    snap_len = min(request.snap_len or _LARGEST, _LARGEST)
    frames = call.node.platform.observer.capture(
        request.interface, promiscuous=request.promiscuous, snap_len=snap_len, program=program
    )
    yield common_pb2.Data(data=_GLOBAL.pack(_MAGIC, 2, 4, 0, 0, snap_len, _ETHERNET))
    async for packet in frames:
        yield common_pb2.Data(data=record(packet))


def record(packet: Packet) -> bytes:
    """Return a frame as a record of a pcap file."""
    micros = round(packet.time * 1_000_000)
    header = _RECORD.pack(micros // 1_000_000, micros % 1_000_000, len(packet.data), packet.length)
    return header + packet.data


def _instruction(one: pb.BPFInstruction) -> BpfInstruction:
    if one.op > 0xFFFF or one.jt > 0xFF or one.jf > 0xFF:
        raise GRPCError(Status.INVALID_ARGUMENT, "bpf_filter: op has 16 bits, jt and jf have 8")
    return BpfInstruction(one.op, one.jt, one.jf, one.k)
