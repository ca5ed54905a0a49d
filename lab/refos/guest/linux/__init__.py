"""The real machine: Linux of the image that lab.refos.build makes, as process 1's only child."""
