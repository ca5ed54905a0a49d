"""Upgrades, rollbacks, failures and power cuts of an operating system on a board, timed and judged.

`system` says what an operating system must bring, `refos` is the one that the lab brings. `rig` has it on an
emulated board, `cuts` and `faults` are what is done to it, `judge` decides what came of it.
"""
