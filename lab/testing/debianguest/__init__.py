"""A Debian 12 with real systemd, sshd, cloud-init, systemd-sysext, ostree and cgpt, to netboot in QEMU's q35.

mmdebstrap makes it of Debian's packages, its maintainer scripts included; what we add is in `recipe`. It is a
guest of tests, and no product: docs/plain-hosts.md netboots any distribution.
"""
