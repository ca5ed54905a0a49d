"""A change to a set of nodes, step by step: canary, batches, gates; halted, reverted and resumed.

`planfile` reads the file, `engine` decides (pure), `journal` remembers (on disk), `driver` acts.
"""
