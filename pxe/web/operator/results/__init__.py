"""/runs, /nights, /trends, /running, /results, /systems, /updates: what the lab measured, for the page.

Who reads it is given to the service (`pxe.web.results`): these routes check what is asked, and describe what
is answered.
"""

from pxe.web.operator.results import files, nights, runs, systems, trends, updates

NOUNS = (files, nights, runs, trends, systems, updates)
