"""What was measured, found quickly: a database made from the records, and made again at any time."""

from lab.index.database import IndexTrouble, index_url
from lab.index.index import Index, fresh_index, open_index, refresh
from lab.index.ingest import Ingested
from lab.index.rows import BootRow, CellRow, FailureRow, NightRow, NightValues, RunRow

__all__ = [
    "BootRow",
    "CellRow",
    "FailureRow",
    "Index",
    "IndexTrouble",
    "Ingested",
    "NightRow",
    "NightValues",
    "RunRow",
    "fresh_index",
    "index_url",
    "open_index",
    "refresh",
]
