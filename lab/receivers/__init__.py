"""What nodes tell by themselves, received beside the boot service: events, kernel logs, SideroLink's join.

A companion (lab.companions): `python -m lab.receivers`, which `bootlab serve` starts where the site file has
`receivers`. docs/console-logs.md is the manual.
"""
