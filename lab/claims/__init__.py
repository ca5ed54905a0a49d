"""What vendors claim of their operating systems, as measurements: C01 to C20. docs/claims.md.

catalogue.py has the claims, probe.py what is asked of a node, measure/ one function for each claim, sheet.py
the record of what was found, page/ the comparison of systems.
"""
