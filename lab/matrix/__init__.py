"""The nightly matrix: boards by images by suites, N boots each, and what changed since last night."""
