"""Debian: its installer, netbooted and answered by a preseed file of ours; managed over SSH."""

from lab.systems.debian.system import Debian

__all__ = ["Debian"]
