"""Results as the boot service's page and API show them, read in a process of its own.

`python -m lab.browse` is that process (`answers` and what it imports); `process` is the service's end of it.
"""
