"""The shape of a rollout's plan file, for pydantic. Error messages are made of the descriptions."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from lab.config.words import Part, Port


def _size(value: int | str) -> int | str:
    text = str(value)
    number = text.removesuffix("%")
    if not number.isdecimal() or not int(number) or (text.endswith("%") and int(number) > 100):
        raise ValueError(f"{text!r} is no size of a batch; write a number of nodes like 5, or 1% to 100%")
    return value


def _name(text: str) -> str:
    if not text.isprintable() or "/" in text or not 0 < len(text) <= 100:
        raise ValueError(f"{text!r} is no name: write 1 to 100 printable characters, no /")
    return text


Name = Annotated[str, AfterValidator(_name)]
Size = Annotated[int | str, AfterValidator(_size)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Argv = Annotated[tuple[str, ...], Field(min_length=1)]


class NodeFile(Part):
    """One node."""

    name: Name = Field(description="what people call it", examples=["web1"])
    address: str = Field(min_length=1, description="its IP address", examples=["10.99.0.11"])
    port: Port = Field(default=50000, description="TCP port of its API")
    labels: tuple[str, ...] = Field(default=(), description="words to choose it by", examples=["[edge]"])


class SshFile(Part):
    """How to log in at nodes without an API."""

    user: Name = Field(default="core", description="as whom to log in")
    key: str | None = Field(
        default=None, description="a file with our private key; the SSH agent's if left out"
    )
    known_hosts: str | None = Field(
        default=None, description="a file with their host keys; ~/.ssh/known_hosts if left out"
    )


class GroupFile(Part):
    """Some nodes: written out, from a file, from the places of a lab, or those of other groups."""

    list_: tuple[NodeFile, ...] = Field(default=(), alias="list", description="nodes with name and address")
    file: str | None = Field(
        default=None, description="a file with NAME ADDRESS[:PORT] [LABEL...] a line", examples=["nodes.txt"]
    )
    places: tuple[str, ...] = Field(
        default=(), description="places of the site file `lab`", examples=["[qemu1, qemu2]"]
    )
    groups: tuple[str, ...] = Field(
        default=(), description="take the nodes of these groups in, too", examples=["[web, mail]"]
    )
    label: str | None = Field(
        default=None, description="only those of its nodes that have this label", examples=["edge"]
    )
    ssh: SshFile | None = Field(default=None, description="its nodes have no API: log in over SSH")
    after: tuple[str, ...] = Field(
        default=(), description="groups that must be through before this one", examples=["[core]"]
    )


class PatchFile(Part):
    """A change of the machine configuration."""

    file: str = Field(description="a file with a strategic-merge patch", examples=["dns.yaml"])
    mode: Literal["auto", "no-reboot", "reboot", "staged"] = Field(
        default="no-reboot", description="how the node takes it"
    )


class HostFile(Part):
    """A change of nodes over SSH: host name, DNS servers, files."""

    file: str = Field(description="a file as of docs/ssh.md", examples=["dns.yaml"])


class UpgradeFile(Part):
    """Another image."""

    image: str = Field(min_length=1, description="where the node fetches it", examples=["http://10.99.0.1/b"])
    version: str = Field(min_length=1, description="the version that must run afterwards", examples=["1.1.0"])


class RollBackFile(Part):
    """The slot that ran before."""

    version: str = Field(min_length=1, description="the version that must run afterwards", examples=["1.0.0"])


class CommandFile(Part):
    """Programs of your own. {name}, {address} and {port} are filled in."""

    apply: Argv = Field(description="makes the change", examples=["[./push, '{address}']"])
    check: Argv | None = Field(
        default=None, description="ends with 0 where the change is in place", examples=["[./is, '{address}']"]
    )
    revert: Argv | None = Field(
        default=None, description="takes the change back", examples=["[./undo, '{address}']"]
    )


class ChangeFile(Part):
    """What is done to each node: exactly one of these; or patch for nodes with an API, host for others."""

    patch: PatchFile | None = Field(default=None, description="patch the machine configuration")
    host: HostFile | None = Field(default=None, description="configure nodes over SSH")
    upgrade: UpgradeFile | None = Field(default=None, description="upgrade to an image")
    rollback: RollBackFile | None = Field(default=None, description="boot the other slot")
    command: CommandFile | None = Field(default=None, description="run programs of your own")
    seconds: Seconds = Field(default=120.0, description="the longest that it may take at one node")


class StepsFile(Part):
    """In which order and how many at once."""

    canary: int = Field(default=1, ge=0, description="how many nodes go first and alone; 0: none")
    batches: tuple[Size, ...] = Field(
        default=("100%",),
        description="sizes of the batches after it, in nodes or percent of all; the last one repeats",
        examples=["[5, 10%, 50%]"],
    )
    concurrency: int = Field(default=10, ge=1, le=1000, description="how many nodes are changed at once")
    soak_seconds: float = Field(default=0.0, ge=0, description="how long to wait after each step")
    pause: Literal["never", "canary", "step"] = Field(
        default="never", description="stop after the canary, or after each step, until --resume"
    )


class ReadyFile(Part):
    """The node says that it is ready."""

    seconds: Seconds = Field(default=120.0, description="how long to wait for it")


class ResolvesFile(Part):
    """The node asked the lab's DNS server."""

    log: str = Field(description="the log that `bootlab dns --log` writes", examples=["dns.jsonl"])
    name: str = Field(default="", description="the name that it asks for; any if left out")
    seconds: Seconds = Field(default=60.0, description="how long to wait for it")


class CheckFile(Part):
    """A program of your own ends with 0."""

    argv: Argv = Field(description="the program with its arguments", examples=["[./check, '{address}']"])
    seconds: Seconds = Field(
        default=60.0, description="how long it may fail before the node counts as failed"
    )


class GateFile(Part):
    """What must hold before the next node: exactly one of these."""

    ready: ReadyFile | None = Field(default=None, description="the node is ready")
    resolves: ResolvesFile | None = Field(default=None, description="the node asked the lab's DNS server")
    command: CheckFile | None = Field(default=None, description="a program of your own says so")


class HaltFile(Part):
    """When no further node is begun."""

    failures: int | None = Field(default=None, ge=1, description="how many failed nodes", examples=[1])
    percent: float | None = Field(
        default=None, gt=0, le=100, description="which part of all nodes failed", examples=[5]
    )


class PlanFile(Part):
    """A rollout."""

    name: Name | None = Field(default=None, description="what people call it; the file's name if left out")
    talosconfig: str | None = Field(
        default=None, description="the file with our certificate for the nodes", examples=["talosconfig"]
    )
    lab: str | None = Field(default=None, description="the site file of `places`", examples=["lab.yaml"])
    nodes: dict[str, GroupFile] = Field(min_length=1, description="groups of nodes by name")
    change: ChangeFile = Field(description="what is done to each node")
    steps: StepsFile = Field(default=StepsFile(), description="in which order and how many at once")
    gates: tuple[GateFile, ...] = Field(default=(), description="what must hold before a node counts as done")
    halt: HaltFile = Field(default=HaltFile(), description="when to stop; at the first failure if left out")
    revert: Literal["none", "failed", "all"] = Field(
        default="none", description="which nodes are put back after a halt"
    )
