"""Stand-ins for the servers from which operating systems are fetched: their paths, metadata, errors.

`python -m lab.testing.vendors NAME --listen 127.0.0.1:8001` runs one; tests use `lab.testing.vendors.server`.
They hold no file of a vendor's: kernels are Debian's, or made of Debian's, and initial ramdisks are ours.
"""

# name -> "module:Class"; a Class is a lab.testing.vendors.server.Vendor
VENDORS = {
    "factory": "lab.testing.vendors.factory:Factory",
    "flatcar": "lab.testing.vendors.flatcar:FlatcarReleases",
    "coreos": "lab.testing.vendors.coreos:CoreosBuilds",
}
