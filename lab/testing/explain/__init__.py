"""Captures made with scapy from the documented layouts, which show the rules of pxe.explain: one that
triggers each, and one that differs by what the rule looks for, and must not."""
