"""Butane, the YAML that people write for Ignition: variants flatcar and fcos."""
