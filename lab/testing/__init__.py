"""Fakes written by hand, for our tests and for those of drivers and shells of other people."""
