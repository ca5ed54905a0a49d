"""Files that people write -> validated frozen values; every fault as `file:line`, all of them at once."""

from lab.config.boards import load_board_type
from lab.config.default import default_site
from lab.config.site import Site, load_site

__all__ = ["Site", "default_site", "load_board_type", "load_site"]
