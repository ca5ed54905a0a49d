"""Simulated update clients: Flatcar's update_engine with its two slots, and Zincati of Fedora CoreOS.

Nothing of the real ones runs here: they do what the sources of flatcar/update_engine 0.4.10 and
coreos/zincati 0.0.32 say. A client is a generator of what it does (`steps`); `virtual` and `live` drive any
number of them.
"""
