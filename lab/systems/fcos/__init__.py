"""Fedora CoreOS: streams, live PXE, installation. docs/fedora-coreos.md."""
