"""The shape of the files that people write, for pydantic. Nothing outside lab.config sees these classes.

Descriptions and examples are not decoration: error messages and the JSON schema for editors are made of
them. Fields are plain strings with checks where a wrong value deserves a sentence of its own.

`python -m lab.config` prints the JSON schema of a site file.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import Field

from lab.config.dhcp_schema import DhcpFile, InterfaceFile, PoolFile, SelectorFile
from lab.config.receivers import ReceiversFile
from lab.config.words import (
    Address,
    ArchName,
    Driver,
    Interface,
    LoaderKind,
    Mac,
    Pattern,
    Port,
)
from lab.config.words import Part as _Part

__all__ = ["PoolFile"]

PLACE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,19}")


class UploadFile(_Part):
    """What clients may write by TFTP."""

    folder: str = Field(
        description="where uploads go, each client's in a subfolder (its MAC, else its address)",
        examples=["uploads"],
    )
    max_bytes: int = Field(default=67_108_864, ge=1, description="the longest file that is taken")
    max_files: int = Field(default=1000, ge=1, description="the most files that one client may leave")
    overwrite: bool = Field(default=False, description="whether a new file takes an older one's place")


class PortRangeFile(_Part):
    """UDP ports of transfers."""

    first: Annotated[int, Field(ge=1024, le=65535)] = Field(description="the first", examples=[40000])
    last: Annotated[int, Field(ge=1024, le=65535)] = Field(description="the last", examples=[40255])


class TftpFile(_Part):
    """The TFTP server."""

    root: str | None = Field(
        default=None, description="a folder that every client may read, beside its plan's files"
    )
    port: Port = Field(default=69, description="UDP port")
    upload: UploadFile | None = Field(default=None, description="lets clients write; off if left out")
    single_port: bool = Field(default=False, description="whether all transfers run on `port` itself")
    port_range: PortRangeFile | None = Field(
        default=None, description="the ports that transfers run on; any free one if left out"
    )
    rollover_to_1: list[str] = Field(
        default=[],
        description="MACs, or how they begin, of clients that count block 65535, 1 instead of 65535, 0",
        examples=["[b8:27:eb]"],
    )


class HttpFile(_Part):
    """The HTTP server for machines."""

    port: Port = Field(default=80, description="TCP port")


class LogsFile(_Part):
    """The receiver of machines' own log lines, kept with each machine."""

    syslog: Port | None = Field(default=514, description="UDP port of syslog; null: not received")
    netconsole: Port | None = Field(default=6666, description="UDP port of netconsole; null: not received")
    offer: bool = Field(
        default=False, description="whether DHCP tells machines to log to us (option 7, log-servers)"
    )


class TlsFile(_Part):
    """The certificate of the API; without cert and key the service makes one for itself."""

    cert: str | None = Field(
        default=None, description="PEM file of the certificate, with its chain", examples=["api-cert.pem"]
    )
    key: str | None = Field(default=None, description="PEM file of its key", examples=["api-key.pem"])


class ApiFile(_Part):
    """The HTTP API for people and programs: a Unix socket, an address, or both."""

    socket: str | None = Field(default=None, description="path of a Unix socket", examples=["api.sock"])
    listen: Address | None = Field(
        default=None,
        description="address to listen on; 127.0.0.1 where neither it nor a socket is given",
        examples=["10.99.0.1"],
    )
    port: Port = Field(default=8067, description="TCP port")
    tls: TlsFile | None = Field(
        default=None, description="HTTPS instead of HTTP; {} for a certificate that the service makes"
    )


class ServiceFile(_Part):
    """The boot service. A part that is left out (dhcp, tftp, http) is switched off."""

    interface: str = Field(
        min_length=1, max_length=15, description="the network interface of the boards", examples=["eth1"]
    )
    address: Interface = Field(
        description="our own address on it, with its prefix", examples=["10.99.0.1/24"]
    )
    dhcp: DhcpFile | None = Field(default=None, description="the DHCP server")
    interfaces: list[InterfaceFile] = Field(
        default=[], description="further interfaces with DHCP; TFTP and HTTP then listen on all addresses"
    )
    tftp: TftpFile | None = Field(default=None, description="the TFTP server; {} for all defaults")
    http: HttpFile | None = Field(
        default=None, description="the HTTP server for machines; {} for all defaults"
    )
    logs: LogsFile | None = Field(
        default=None, description="receives what machines log: syslog and netconsole; {} for all defaults"
    )
    api: ApiFile = Field(default=ApiFile(), description="the API for people and programs")
    loaders: dict[LoaderKind, str] = Field(
        default={},
        description="the program that firmware starts first, by kind, instead of the distribution's",
        examples=["{x86_64: efi/shimx64.efi}"],
    )
    unknown: Literal["ignore", "record", "boot"] = Field(
        default="ignore",
        description="what becomes of machines that are in neither places nor machines: ignore, record, boot",
    )
    discovery: str | None = Field(
        default=None, description="with unknown: boot, the plan of those that no rule selects"
    )
    state: str = Field(default="state", description="folder for leases and for plans set through the API")


class AssetFile(_Part):
    """A file to serve."""

    path: str | None = Field(default=None, description="the file on this host", examples=["boot/Image.gz"])
    image: str | None = Field(
        default=None,
        description="instead of a path: an image of the catalogue (bootlab image list)",
        examples=["debian-installer/12/arm64"],
    )
    part: str | None = Field(
        default=None, description="the part of the image; kernel, initrd, dtb or loader where it is one"
    )
    name: str | None = Field(default=None, description="the name clients ask for; the file's own if left out")
    sha256: str = Field(default="", description="its SHA-256, checked before it is served")


class ConfigFile(_Part):
    """What a booting machine configures itself with, at {config}NAME: exactly one of file, env, text."""

    kind: Literal["text", "nocloud", "ignition", "butane", "talos"] = Field(
        description="who reads it: text (preseed, kickstart ...), nocloud, ignition, talos; butane is "
        "translated, and Ignition reads it",
        examples=["ignition"],
    )
    name: str | None = Field(default=None, description="the name clients ask for; the file's own if left out")
    file: str | None = Field(default=None, description="the file that holds it", examples=["node.ign"])
    env: str | None = Field(
        default=None, description="the environment variable that holds it", examples=["TALOS_CONFIG"]
    )
    text: str | None = Field(default=None, description="itself; not for secrets")
    files_dir: str | None = Field(
        default=None, description="of butane: the folder whose files it may take in", examples=["files"]
    )
    secret: bool = Field(
        default=False, description="true: for the machine it is meant for alone, and once in a boot"
    )


class PlanFile(_Part):
    """What a machine boots."""

    action: Literal["boot", "local", "hold"] = Field(
        default="boot", description="boot: what follows; local: the machine's own disk; hold: nothing"
    )
    arch: ArchName | None = Field(
        default=None,
        description="the kernel's processor; machines of another are refused",
        examples=["arm64"],
    )
    kernel: AssetFile | None = Field(
        default=None, description="the kernel", examples=["{path: images/linux}"]
    )
    initrd: AssetFile | None = Field(default=None, description="the initial ramdisk")
    dtb: AssetFile | None = Field(default=None, description="the device tree; the firmware's own if left out")
    fdt_address: str = Field(default="", description="where U-Boot loads the dtb", examples=["'0x4a000000'"])
    cmdline: str = Field(default="", description="kernel arguments; {server} is our address")
    files: list[AssetFile] = Field(default=[], description="more files, over TFTP and HTTP alike")
    texts: dict[str, str] = Field(default={}, description="small files by name; {server} is our address")
    loader: AssetFile | None = Field(
        default=None, description="a program that the firmware starts instead of the one we would choose"
    )
    transport: Literal["auto", "tftp", "http"] = Field(
        default="auto", description="how kernel and initrd travel; auto: HTTP where the client can"
    )
    tree: str | None = Field(
        default=None, description="a folder that the machine is served as it is", examples=["rpi-firmware"]
    )
    templates: dict[str, str] = Field(
        default={}, description="scripts in place of ours, by kind: uboot, pxelinux, ipxe, grub ..."
    )
    then: str | None = Field(
        default=None, description="the plan that follows once the machine has fetched this one"
    )
    configs: list[ConfigFile] = Field(
        default=[], description="what machines configure themselves with, below the URL {config}"
    )


class RuleFile(_Part):
    """A plan for machines that name none; the most specific rule wins."""

    when: SelectorFile = Field(description="which machines", examples=["{arch: arm64}"])
    plan: str = Field(description="the plan that they boot", examples=["debian-installer"])


class _MachineWords(_Part):
    """What rules may ask of a machine, and its hold."""

    hold: bool = Field(default=False, description="whether it boots nothing until released")
    uuid: str = Field(default="", description="the UUID of its SMBIOS")
    serial: str = Field(default="", description="its serial number; a Raspberry Pi's names its folder")
    tags: list[str] = Field(default=[], description="words that rules select by", examples=["[rack1]"])


class MachineFile(_MachineWords):
    """A machine that boots from us but is no place of this lab."""

    mac: Mac = Field(description="its MAC address", examples=["52:54:00:12:34:56"])
    name: str = Field(default="", description="a name for people and logs")
    ip: Address | None = Field(default=None, description="the address reserved for it")
    plan: str | None = Field(
        default=None, description="name of the plan that it boots; what the rules say if left out"
    )


class PlaceFile(_MachineWords):
    """A board with its power and its console."""

    board: str = Field(description="its board type", examples=["qemu-virt-arm64"])
    mac: Mac = Field(description="its MAC address", examples=["52:54:00:12:34:56"])
    power: Driver = Field(description="the driver of its power switch", examples=["{qemu: {}}"])
    console: Driver = Field(
        description="the driver of its console", examples=["{serial: {url: /dev/ttyUSB0}}"]
    )
    hostile: bool = Field(
        default=False, description="whether `bootlab hostile` may send malformed packets to this real board"
    )
    power_off_seconds: float = Field(
        default=1.0, ge=0, le=600, description="how long it stays off in a power cycle", strict=False
    )
    ip: Address | None = Field(default=None, description="the address reserved for it")
    plan: str | None = Field(
        default=None, description="name of the plan that it boots; what the rules say if left out"
    )


class FactoryFile(_Part):
    """The lab's cache of an Image Factory (docs/mirror.md), beside the boot service."""

    upstream: str = Field(
        default="https://factory.talos.dev", description="the Image Factory that it asks", min_length=8
    )
    listen: Address | None = Field(
        default=None, description="address to listen on; the boot service's where left out"
    )
    port: Port = Field(default=8069, description="TCP port")
    folder: str = Field(default="factory", description="where files are kept")
    gigabytes: Annotated[float, Field(gt=0, le=1_000_000)] = Field(
        default=20.0, strict=False, description="how much is kept; what was wanted longest ago goes first"
    )
    allow_http: bool = Field(
        default=False, description="whether the upstream may be without https outside private networks"
    )


class SiteFile(_Part):
    """A lab: its boot service, its boards, and what they boot."""

    service: ServiceFile = Field(
        description="the boot service", examples=["{interface: eth1, address: 10.99.0.1/24}"]
    )
    plans: dict[str, PlanFile] = Field(default={}, description="what can be booted, by name")
    rules: dict[str, RuleFile] = Field(default={}, description="plans of machines that name none, by name")
    places: dict[str, PlaceFile] = Field(default={}, description="the boards of this lab, by name")
    machines: list[MachineFile] = Field(default=[], description="other machines that boot from us")
    receivers: ReceiversFile | None = Field(
        default=None,
        description="hears what nodes report by themselves (docs/console-logs.md); {} for all defaults",
    )
    updates: str | None = Field(
        default=None,
        description="file of the update servers (docs/updates.md), which run beside the boot service",
        examples=["updates.yaml"],
    )
    factory: FactoryFile | None = Field(
        default=None, description="the cache of an Image Factory; {} for the public one"
    )
    results: str = Field(default="results", description="folder for what was measured")
    images: str = Field(default="images", description="folder of the catalogue of images")


class UbootFile(_Part):
    """What the U-Boot shell must know."""

    prompt: str = Field(default="=> ", description="the prompt, with its trailing blank")
    stop_key: str = Field(default=" ", description="what stops autoboot")
    cbsize: int = Field(
        default=512, ge=64, le=65536, description="CONFIG_SYS_CBSIZE: the longest line it takes"
    )
    chunk: int = Field(default=16, ge=1, le=4096, description="characters typed before their echo is awaited")


class MilestoneFile(_Part):
    """How to recognise a milestone."""

    name: str = Field(description="its name", examples=["kernel"])
    source: Literal["power", "wire", "console", "api"] = Field(
        description="where it is seen: power, wire, console or api", examples=["console"]
    )
    pattern: Pattern = Field(description="a regular expression", examples=["'Linux version'"])
    title: str = Field(default="", description="its name for people")


class QemuFile(_Part):
    """How to emulate it."""

    binary: str = Field(description="QEMU's binary", examples=["qemu-system-aarch64"])
    machine: str = Field(description="QEMU's machine", examples=["virt"])
    cpu: str = Field(description="QEMU's CPU", examples=["cortex-a53"])
    memory: int = Field(ge=16, le=65536, description="memory in MiB", examples=[512])
    firmware: str = Field(
        default="",
        description="firmware file; left out: QEMU's own",
        examples=["/usr/lib/u-boot/qemu_arm64/u-boot.bin"],
    )
    variables: str = Field(default="", description="UEFI's empty variable store, copied for each place")
    nic: str = Field(default="virtio-net-device", description="QEMU's device of the network card")
    romfile: str | None = Field(
        default=None, description="boot ROM of the card; left out: QEMU's iPXE; '': none"
    )
    bootindex: int | None = Field(default=None, ge=0, description="place of the card in the boot order")
    fw_cfg: dict[str, str] = Field(default={}, description="words to the firmware")
    uuid: str = Field(default="", description="UUID of the SMBIOS")
    serial: str = Field(default="", description="serial number of the SMBIOS")
    cpus: int = Field(default=1, ge=1, le=64, description="number of CPUs")
    disk_device: str = Field(default="virtio-blk-pci", description="QEMU's device of a place's disks")
    watchdog: bool = Field(default=False, description="an Intel 6300ESB watchdog that resets the board")
    rtc: str = Field(default="", description="the clock at power-on: utc, localtime or a date")
    binary_package: str = Field(default="qemu-system", description="Debian package of the binary")
    firmware_package: str = Field(default="u-boot-qemu", description="Debian package of the firmware")
    extra: list[str] = Field(default=[], description="more arguments")


class BoardFile(_Part):
    """A board type: boards/<family>/<model>/board.yaml."""

    arch: Literal["x86", "x86_64", "arm", "arm64", "riscv64"] = Field(
        description="processor architecture", examples=["arm64"]
    )
    title: str = Field(description="its name for people", examples=["Raspberry Pi 4 Model B"])
    uboot: UbootFile = Field(default=UbootFile(), description="what the U-Boot shell must know")
    milestones: list[MilestoneFile] = Field(default=[], description="the milestones of its boot, in order")
    deadlines: dict[str, float] = Field(
        {}, description="milestone -> seconds after the one before", strict=False
    )
    compatible: str = Field(default="", description="root `compatible` of its device tree")
    console_args: str = Field(default="", description="kernel arguments that bring its console up")
    fdt_address: str = Field(default="", description="where a served device tree is loaded")
    qemu: QemuFile | None = Field(default=None, description="how to emulate it")


def site_schema() -> dict[str, Any]:
    """Return the JSON schema (2020-12) of a site file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **SiteFile.model_json_schema()}
