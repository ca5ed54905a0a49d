"""Board control: power, consoles, shells, measurements, results."""
