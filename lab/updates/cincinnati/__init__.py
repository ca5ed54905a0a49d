"""Cincinnati as Zincati 0.0.32 asks it: query -> graph of releases with edges to follow. Pure.

Wire format: docs/development/cincinnati/protocol.md of coreos/zincati; edges, dead ends, barriers and
throttling: commons/src/{graph,policy}.rs of coreos/fedora-coreos-cincinnati.
"""
