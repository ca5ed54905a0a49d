"""FleetLock, with which Zincati asks whether it may reboot: a counting semaphore, recursive and owned. Pure.

Wire format: docs/development/fleetlock/protocol.md of coreos/zincati; words of errors as in coreos/airlock.
"""
