"""The lab's cache of an Image Factory: one download for many askers, and what is there without a network.

It answers as Image Factory does, on a port of its own beside `bootlab serve`. docs/mirror.md is the manual.
"""
