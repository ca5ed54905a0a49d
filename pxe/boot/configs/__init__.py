"""What a booting machine fetches to configure itself: NoCloud, Ignition, Talos, and plain texts. Pure."""
