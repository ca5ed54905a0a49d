"""Update servers: Omaha (Flatcar), Cincinnati and FleetLock (Fedora CoreOS). docs/updates.md."""
