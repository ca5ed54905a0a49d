"""The boot service: DHCP, TFTP and HTTP that boot any machine, from one BootPlan each.

It knows nothing of boards, consoles or tests: `pxe` imports neither `lab` nor `boards`.
"""
