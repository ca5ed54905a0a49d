"""Network boot firmware as clients: EDK2, iPXE, a plain PXE ROM, U-Boot, Raspberry Pi, simulated.

Each firmware is a machine without sockets or a clock: time is an argument, datagrams and HTTP replies go in
and come out (`machine`). One adapter (`network`) gives hundreds of them a card in a network namespace, and
`rack` plays a rack with it: `python -m lab.testing.firmware rack --help`.


They read DHCP and TFTP by code of their own, not by the boot service's, so that a mistake is not made on
both sides. How each of them behaves was taken from captures of the real firmware where it runs in QEMU
(tests/data, compared field by field in tests/unit/lab/testing), otherwise from its documentation.
"""
