"""Hostile answers to one's own firmware, in a network of its own: cases from a seed, and a verdict on each.

`cases` names them, `dhcp`, `tftp` and `http` make their bytes (pure), `server` sends them, `campaign` drives
the board and judges by its console.
"""
