"""The documents that there are and their keys. Names are Talos's (1.12 to 1.14), of which these are a part.

What refos does nothing with, but a config for Talos may bring (`cluster`, vlans), is known here so that
`views.ignored` can warn of it. Every other key is a fault.
"""

from collections.abc import Mapping
from typing import Any

from lab.machineconfig import words
from lab.machineconfig.schema import Anything, Choice, Flag, Keys, Many, Shape, Table, Text, Whole

_MTU = Whole(68, 65535)
_METRIC = Whole(0, (1 << 32) - 1)

HOSTNAME = Text("a host name, such as node-1", words.hostname)
ADDRESS = Text("an IP address, such as 10.0.0.1", words.address)
INTERFACE = Text("an address with its prefix, such as 10.0.0.2/24", words.interface)
NETWORK = Text("a network, such as 10.0.0.0/24", words.network)
DOMAIN = Text("a domain, such as lab.example", words.name)
LINK = Text("a network interface, such as eth0", words.link)
SERVERS = Many(Text("a time server's name or address", words.host))
DURATION = Text("a time, such as 2m", words.duration)
CERTIFICATE = Text("a PEM certificate in base64", words.certificate)
SECRET = Text("a secret", secret=True)
KEY = Text("a PEM private key in base64", words.private_key, secret=True)
# Of a worker Talos wants the certificates alone, and an empty key: a control plane node signs for it
CA = Keys(
    {"crt": CERTIFICATE, "key": Text(KEY.what, KEY.wrong, secret=True, may_be_empty=True)},
    required=("crt", "key"),
)


def _selected(value: Mapping[str, Any]) -> str:
    both = ("interface" in value) == ("deviceSelector" in value)
    return "give exactly one of interface and deviceSelector" if both else ""


def _route(value: Mapping[str, Any]) -> str:
    destination, gateway = value.get("destination", value.get("network")), value.get("gateway")
    if destination is None and gateway is None:
        return "says neither where to nor through which gateway"
    if destination is not None and gateway is not None and (":" in destination) != (":" in gateway):
        return f"the gateway {gateway} cannot lead to {destination}: one is IPv4, the other IPv6"
    return ""


def _routes(destination: str) -> Many:
    return Many(Keys({destination: NETWORK, "gateway": ADDRESS, "metric": _METRIC}, rule=_route))


_ADDRESSING: dict[str, Shape] = {
    "addresses": Many(INTERFACE),
    "routes": _routes("network"),
    "dhcp": Flag(),
    "mtu": _MTU,
}

_NETWORK = Keys(
    {
        "hostname": HOSTNAME,
        "nameservers": Many(ADDRESS),
        "searchDomains": Many(DOMAIN),
        "interfaces": Many(
            Keys(
                {
                    "interface": LINK,
                    "deviceSelector": Keys(
                        {"hardwareAddr": Text("a hardware address", words.mac)}, required=("hardwareAddr",)
                    ),
                    **_ADDRESSING,
                    "vlans": Many(Keys({"vlanId": Whole(1, 4094), **_ADDRESSING}, required=("vlanId",))),
                },
                rule=_selected,
            )
        ),
    }
)

_MACHINE = Keys(
    {
        "type": Choice(("controlplane", "worker")),
        "token": SECRET,
        "ca": CA,
        "acceptedCAs": Many(Keys({"crt": CERTIFICATE}, required=("crt",))),
        "certSANs": Many(Text("a name or an address", words.host)),
        "network": _NETWORK,
        "install": Keys(
            {
                "disk": Text("a device, such as /dev/vda", words.device),
                "image": Text("the image to install: a URL or a reference", words.image),
                "wipe": Flag(),
                "extraKernelArgs": Many(Text("an argument for the kernel", words.kernel_argument)),
                "grubUseUKICmdline": Flag(),
            }
        ),
        "kubelet": Anything(),
        "features": Anything(),
        "nodeLabels": Anything(),
        "sysctls": Table(Text("a kernel parameter's value, in quotes"), words.sysctl),
        "time": Keys({"disabled": Flag(), "servers": SERVERS, "bootTimeout": DURATION}),
    }
)

_IMAGE = Text("the reference of an image", words.image)

_CLUSTER = Keys(
    {
        "id": SECRET,
        "secret": SECRET,
        "token": SECRET,
        "ca": CA,
        "aggregatorCA": CA,
        "serviceAccount": Keys({"key": KEY}, required=("key",)),
        "secretboxEncryptionSecret": SECRET,
        "etcd": Keys({"ca": CA}),
        "clusterName": Text("a name"),
        "controlPlane": Keys({"endpoint": Text("a URL")}),
        "network": Keys(
            {
                "cni": Anything(),
                "dnsDomain": DOMAIN,
                "podSubnets": Many(NETWORK),
                "serviceSubnets": Many(NETWORK),
            }
        ),
        "apiServer": Keys(
            {
                "image": _IMAGE,
                "certSANs": Many(Text("a name or an address", words.host)),
                "auditPolicy": Anything(),
            }
        ),
        "controllerManager": Keys({"image": _IMAGE}),
        "proxy": Keys({"image": _IMAGE, "disabled": Flag()}),
        "scheduler": Keys({"image": _IMAGE}),
        "discovery": Anything(),
        "allowSchedulingOnControlPlanes": Flag(),
    }
)

BASE = Keys(
    {
        "version": Choice(("v1alpha1",)),
        "debug": Flag(),
        "persist": Flag(),
        "machine": _MACHINE,
        "cluster": _CLUSTER,
    },
    required=("version", "machine"),
)


def _hostname_rule(value: Mapping[str, Any]) -> str:
    if "hostname" in value and value.get("auto", "off") != "off":
        return "a hostname and auto: stable exclude each other; leave one out"
    return "" if "hostname" in value or "auto" in value else "give hostname or auto"


def _document(required: tuple[str, ...] = (), **keys: Shape) -> Keys:
    head: dict[str, Shape] = {"apiVersion": Choice(("v1alpha1",)), "kind": Text("a kind of document")}
    return Keys({**head, **keys}, required=("apiVersion", *required))


_HOSTNAME_CONFIG = _document(hostname=HOSTNAME, auto=Choice(("stable", "off")))

KINDS: dict[str, Keys] = {
    "HostnameConfig": Keys(_HOSTNAME_CONFIG.known, _HOSTNAME_CONFIG.required, _hostname_rule),
    "ResolverConfig": _document(
        nameservers=Many(Keys({"address": ADDRESS}, required=("address",))),
        searchDomains=Keys({"domains": Many(DOMAIN), "disableDefault": Flag()}),
    ),
    "LinkConfig": _document(
        ("name",),
        name=LINK,
        up=Flag(),
        mtu=_MTU,
        addresses=Many(Keys({"address": INTERFACE}, required=("address",))),
        routes=_routes("destination"),
    ),
    "DHCPv4Config": _document(("name",), name=LINK),
    "TimeSyncConfig": _document(enabled=Flag(), bootTimeout=DURATION, ntp=Keys({"servers": SERVERS})),
    "KmsgLogConfig": _document(
        ("name", "url"),
        name=Text("a name"),
        url=Text("a URL, such as tcp://10.0.0.1:8092", words.log_url),
    ),
    "EventSinkConfig": _document(
        ("endpoint",), endpoint=Text("host and port, such as 10.0.0.1:8090", words.endpoint)
    ),
    "SideroLinkConfig": _document(
        ("apiUrl",), apiUrl=Text("a URL of the link's API", words.api_url, secret=True), uniqueToken=SECRET
    ),
    "UnattendedInstallConfig": _document(
        installer=Keys({"image": Text("the image to install: a URL or a reference", words.image)}),
        provisioning=Keys(
            {
                "diskSelector": Keys({"match": Text('a condition, such as disk.dev_path == "/dev/vda"')}),
                "wipe": Flag(),
            }
        ),
    ),
    "ExtensionServiceConfig": _document(
        ("name",),
        name=Text("a name"),
        configFiles=Many(
            Keys(
                {"content": Text("a file's content"), "mountPath": Text("an absolute path", words.path)},
                required=("content", "mountPath"),
            )
        ),
        environment=Many(Text("NAME=value")),
    ),
}

NAMED = frozenset(kind for kind, keys in KINDS.items() if "name" in keys.known)
