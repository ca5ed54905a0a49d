"""Operating systems: for each a room that knows where its images come from and how they boot, are configured,
upgraded and rolled back. lab.systems.interface is what all of them bring; lab.registry.SYSTEM names them."""
