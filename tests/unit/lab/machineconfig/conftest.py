import base64

import pytest

PEM = {
    label: base64.b64encode(f"-----BEGIN {label}-----\nMC4=\n-----END {label}-----\n".encode()).decode()
    for label in ("CERTIFICATE", "ED25519 PRIVATE KEY")
}


@pytest.fixture(scope="session")
def text() -> str:
    """A config that says each thing that refos takes."""
    return f"""\
version: v1alpha1
machine:
  type: worker
  token: abc.def
  ca: {{crt: {PEM["CERTIFICATE"]}, key: {PEM["ED25519 PRIVATE KEY"]}}}
  acceptedCAs: [{{crt: {PEM["CERTIFICATE"]}}}]
  certSANs: [node-1.lab.example, 10.0.0.2]
  network:
    interfaces:
      - interface: eth0
        addresses: [10.0.0.2/24, "2001:db8::2/64"]
        routes:
          - network: 0.0.0.0/0
            gateway: 10.0.0.1
            metric: 100
      - deviceSelector: {{hardwareAddr: "52:54:00:AA:00:01"}}
        dhcp: true
        vlans: [{{vlanId: 7, addresses: [10.7.0.2/24]}}]
  install:
    disk: /dev/vda
    image: http://10.0.0.1/refos-2-arm64.raucb
    wipe: true
    extraKernelArgs: [quiet, console=ttyAMA0]
  sysctls: {{net.ipv4.ip_forward: "1"}}
---
apiVersion: v1alpha1
kind: HostnameConfig
hostname: node-1
---
apiVersion: v1alpha1
kind: ResolverConfig
nameservers:
  - address: 10.0.0.1
  - address: 2001:db8::53
searchDomains: {{domains: [lab.example], disableDefault: true}}
---
apiVersion: v1alpha1
kind: LinkConfig
name: eth1
mtu: 1400
addresses: [{{address: 10.1.0.2/24}}]
routes: [{{destination: 10.2.0.0/16, gateway: 10.1.0.1}}]
---
apiVersion: v1alpha1
kind: DHCPv4Config
name: eth2
---
apiVersion: v1alpha1
kind: TimeSyncConfig
ntp: {{servers: [10.0.0.1, pool.example]}}
bootTimeout: 2m
---
apiVersion: v1alpha1
kind: KmsgLogConfig
name: lab
url: tcp://10.0.0.1:8092
---
apiVersion: v1alpha1
kind: EventSinkConfig
endpoint: "[fd00::1]:8090"
"""
