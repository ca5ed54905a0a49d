"""Update servers: Omaha for Flatcar, Cincinnati and FleetLock for Fedora CoreOS, in one process.

`omaha`, `cincinnati` and `fleetlock` are pure: bytes and a time in, a decision and what it changed out.
`store` puts changes on disk, `service` answers only after that, `record` reads what happened.
"""
