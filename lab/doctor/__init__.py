"""`bootlab doctor`: what is wrong with this host, this network or this place, and what to do.

One small module for a group of checks. In each, what looks (`probe_...`, `read_...`: sockets, files, netlink)
is apart from what judges (`judge_...`: values in, findings out), so that judgement is tested without a host
that is ill.
"""

from lab.doctor.finding import Finding, Verdict
from lab.doctor.rounds import CHECKS, Patient, examine

__all__ = ["CHECKS", "Finding", "Patient", "Verdict", "examine"]
