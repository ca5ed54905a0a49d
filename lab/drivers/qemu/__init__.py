"""An emulated board: QEMU as power switch and console. Like any other board from outside."""
