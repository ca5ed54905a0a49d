"""Butane, the YAML that people write for Ignition: variants flatcar and fcos. Pure, but for named files.

`translate` makes of a file what upstream's `butane` makes, and says everything that is wrong in it at once,
with lines and columns. The table of Ignition's fields is that of the boot service's own check.
"""

from lab.butane.translation import Translation, translate
from lab.butane.values import Finding, Place

__all__ = ["Finding", "Place", "Translation", "translate"]
