"""The network boot of a Raspberry Pi 3, 4 or 5 as a client, written from its documented behaviour.

It shares no line with the boot service: DHCP, TFTP and config.txt are read here by code of its own, so that a
mistake is not made on both sides. What is known and what is assumed of real boards: boards/raspberrypi.
"""
