"""One function for each claim that can be tried: it asks, and returns a Finding."""
