"""`python -m lab` is `bootlab`."""

from lab.cli.main import main

main()
