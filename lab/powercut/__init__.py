"""Power cuts: a board's supply goes, and with it what its disk had not flushed.

`log` reads what QEMU noted of every write, `watch` while it does, `plan` draws what survives, `cut` does it
to an emulated board, `check` looks at the file systems that are left.
"""
