"""The tables. A row of `series` is one quantity over a whole run, as in measurements.jsonl: ten thousand
boots of twenty milestones are some thousand rows that way, not half a million.
"""

import re
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    MetaData,
    Table,
    Text,
    TypeDecorator,
)

VERSION = 1  # of the tables; an index of another version is made again
NAME_LIMIT = (
    300  # characters; a key of PostgreSQL may not be long, and a file's name is whatever a board asks
)
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")


class SafeText(TypeDecorator[str]):
    """Text that boards had a hand in: PostgreSQL takes no NUL, and nobody half of a surrogate pair."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        """Replace what cannot be stored."""
        return _UNSTORABLE.sub("\ufffd", value) if value is not None else None


metadata = MetaData()

about = Table("bootlab_index", metadata, Column("version", BigInteger, nullable=False))

runs = Table(
    "runs",
    metadata,
    Column("run_id", SafeText, primary_key=True),
    Column("folder", SafeText, nullable=False),  # relative to the results' folder
    Column("stamp", SafeText, nullable=False),  # sizes and times of its files when it was read
    Column("digest", SafeText, nullable=False),  # SHA-256 of their content
    Column("started_at", SafeText, nullable=False),
    Column("finished_at", SafeText, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("place", SafeText, nullable=False),
    Column("board_type", SafeText, nullable=False),
    Column("image", SafeText, nullable=False),
    Column("suite", SafeText, nullable=False),
    Column("night", SafeText, nullable=False),
    Column("method", SafeText, nullable=False),
    Column("emulated", Boolean, nullable=False),
    Column("plan_hash", SafeText, nullable=False),
    Column("image_digest", SafeText, nullable=False),
    Column("console_args", SafeText, nullable=False),
    Column("planned", BigInteger, nullable=False),
    Column("recorded", BigInteger, nullable=False),
    Column("ready", BigInteger, nullable=False),
    Index("runs_by_kind", "board_type", "image", "suite"),
    Index("runs_by_night", "night"),
)


boots = Table(
    "boots",
    metadata,
    Column("run_id", SafeText, ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),  # BootRecord.index
    Column("started_at", SafeText, nullable=False),
    Column("ready", Boolean, nullable=False),
    Column("attempt", BigInteger, nullable=False),
    Column("firmware", SafeText, nullable=False),
    Column("kernel", SafeText, nullable=False),
    Column("load", Double),
    Column("seconds", Double),  # power-on to ready; null where it did not get there
    Column("cause", SafeText),  # null where it got ready
    Column("sentence", SafeText),
    Column("evidence", SafeText),  # a JSON list
    Column("console", SafeText, nullable=False),
    Column("pcap", SafeText, nullable=False),
)

series = Table(
    "series",
    metadata,
    Column("run_id", SafeText, ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True),
    Column("name", SafeText, primary_key=True),
    Column("unit", SafeText, nullable=False),
    Column("boots", Text, nullable=False),  # a JSON list of their numbers
    Column("values", Text, nullable=False),  # a JSON list, as long
    Index("series_by_name", "name"),
)
