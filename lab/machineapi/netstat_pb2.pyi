from lab.machineapi import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ConnectRecord(_message.Message):
    __slots__ = ["inode", "l4proto", "localip", "localport", "netns", "pointer", "process", "ref", "remoteip", "remoteport", "retrnsmt", "rxqueue", "state", "timeout", "timerwhen", "tr", "txqueue", "uid"]
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    class TimerActive(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    class Process(_message.Message):
        __slots__ = ["name", "pid"]
        NAME_FIELD_NUMBER: _ClassVar[int]
        PID_FIELD_NUMBER: _ClassVar[int]
        name: str
        pid: int
        def __init__(self, pid: _Optional[int] = ..., name: _Optional[str] = ...) -> None: ...
    CLOSE: ConnectRecord.State
    CLOSEWAIT: ConnectRecord.State
    CLOSING: ConnectRecord.State
    ESTABLISHED: ConnectRecord.State
    FIN_WAIT1: ConnectRecord.State
    FIN_WAIT2: ConnectRecord.State
    INODE_FIELD_NUMBER: _ClassVar[int]
    KEEPALIVE: ConnectRecord.TimerActive
    L4PROTO_FIELD_NUMBER: _ClassVar[int]
    LASTACK: ConnectRecord.State
    LISTEN: ConnectRecord.State
    LOCALIP_FIELD_NUMBER: _ClassVar[int]
    LOCALPORT_FIELD_NUMBER: _ClassVar[int]
    NETNS_FIELD_NUMBER: _ClassVar[int]
    OFF: ConnectRecord.TimerActive
    ON: ConnectRecord.TimerActive
    POINTER_FIELD_NUMBER: _ClassVar[int]
    PROBE: ConnectRecord.TimerActive
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    REF_FIELD_NUMBER: _ClassVar[int]
    REMOTEIP_FIELD_NUMBER: _ClassVar[int]
    REMOTEPORT_FIELD_NUMBER: _ClassVar[int]
    RESERVED: ConnectRecord.State
    RETRNSMT_FIELD_NUMBER: _ClassVar[int]
    RXQUEUE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SYN_RECV: ConnectRecord.State
    SYN_SENT: ConnectRecord.State
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    TIMERWHEN_FIELD_NUMBER: _ClassVar[int]
    TIMEWAIT: ConnectRecord.TimerActive
    TIME_WAIT: ConnectRecord.State
    TR_FIELD_NUMBER: _ClassVar[int]
    TXQUEUE_FIELD_NUMBER: _ClassVar[int]
    UID_FIELD_NUMBER: _ClassVar[int]
    inode: int
    l4proto: str
    localip: str
    localport: int
    netns: str
    pointer: int
    process: ConnectRecord.Process
    ref: int
    remoteip: str
    remoteport: int
    retrnsmt: int
    rxqueue: int
    state: ConnectRecord.State
    timeout: int
    timerwhen: int
    tr: ConnectRecord.TimerActive
    txqueue: int
    uid: int
    def __init__(self, l4proto: _Optional[str] = ..., localip: _Optional[str] = ..., localport: _Optional[int] = ..., remoteip: _Optional[str] = ..., remoteport: _Optional[int] = ..., state: _Optional[_Union[ConnectRecord.State, str]] = ..., txqueue: _Optional[int] = ..., rxqueue: _Optional[int] = ..., tr: _Optional[_Union[ConnectRecord.TimerActive, str]] = ..., timerwhen: _Optional[int] = ..., retrnsmt: _Optional[int] = ..., uid: _Optional[int] = ..., timeout: _Optional[int] = ..., inode: _Optional[int] = ..., ref: _Optional[int] = ..., pointer: _Optional[int] = ..., process: _Optional[_Union[ConnectRecord.Process, _Mapping]] = ..., netns: _Optional[str] = ...) -> None: ...

class Netstat(_message.Message):
    __slots__ = ["connectrecord", "metadata"]
    CONNECTRECORD_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    connectrecord: _containers.RepeatedCompositeFieldContainer[ConnectRecord]
    metadata: _common_pb2.Metadata
    def __init__(self, metadata: _Optional[_Union[_common_pb2.Metadata, _Mapping]] = ..., connectrecord: _Optional[_Iterable[_Union[ConnectRecord, _Mapping]]] = ...) -> None: ...

class NetstatRequest(_message.Message):
    __slots__ = ["feature", "filter", "l4proto", "netns"]
    class Filter(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    class Feature(_message.Message):
        __slots__ = ["pid"]
        PID_FIELD_NUMBER: _ClassVar[int]
        pid: bool
        def __init__(self, pid: bool = ...) -> None: ...
    class L4proto(_message.Message):
        __slots__ = ["raw", "raw6", "tcp", "tcp6", "udp", "udp6", "udplite", "udplite6"]
        RAW6_FIELD_NUMBER: _ClassVar[int]
        RAW_FIELD_NUMBER: _ClassVar[int]
        TCP6_FIELD_NUMBER: _ClassVar[int]
        TCP_FIELD_NUMBER: _ClassVar[int]
        UDP6_FIELD_NUMBER: _ClassVar[int]
        UDPLITE6_FIELD_NUMBER: _ClassVar[int]
        UDPLITE_FIELD_NUMBER: _ClassVar[int]
        UDP_FIELD_NUMBER: _ClassVar[int]
        raw: bool
        raw6: bool
        tcp: bool
        tcp6: bool
        udp: bool
        udp6: bool
        udplite: bool
        udplite6: bool
        def __init__(self, tcp: bool = ..., tcp6: bool = ..., udp: bool = ..., udp6: bool = ..., udplite: bool = ..., udplite6: bool = ..., raw: bool = ..., raw6: bool = ...) -> None: ...
    class NetNS(_message.Message):
        __slots__ = ["allnetns", "hostnetwork", "netns"]
        ALLNETNS_FIELD_NUMBER: _ClassVar[int]
        HOSTNETWORK_FIELD_NUMBER: _ClassVar[int]
        NETNS_FIELD_NUMBER: _ClassVar[int]
        allnetns: bool
        hostnetwork: bool
        netns: _containers.RepeatedScalarFieldContainer[str]
        def __init__(self, hostnetwork: bool = ..., netns: _Optional[_Iterable[str]] = ..., allnetns: bool = ...) -> None: ...
    ALL: NetstatRequest.Filter
    CONNECTED: NetstatRequest.Filter
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    L4PROTO_FIELD_NUMBER: _ClassVar[int]
    LISTENING: NetstatRequest.Filter
    NETNS_FIELD_NUMBER: _ClassVar[int]
    feature: NetstatRequest.Feature
    filter: NetstatRequest.Filter
    l4proto: NetstatRequest.L4proto
    netns: NetstatRequest.NetNS
    def __init__(self, filter: _Optional[_Union[NetstatRequest.Filter, str]] = ..., feature: _Optional[_Union[NetstatRequest.Feature, _Mapping]] = ..., l4proto: _Optional[_Union[NetstatRequest.L4proto, _Mapping]] = ..., netns: _Optional[_Union[NetstatRequest.NetNS, _Mapping]] = ...) -> None: ...

class NetstatResponse(_message.Message):
    __slots__ = ["messages"]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[Netstat]
    def __init__(self, messages: _Optional[_Iterable[_Union[Netstat, _Mapping]]] = ...) -> None: ...
