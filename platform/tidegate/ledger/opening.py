"""Opening the lake with its ledger: the tables of `ops` are there before anything reads or writes them."""

from __future__ import annotations

from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.ledger.schema import create_tables, lacks_tables


def open_lake(config: LakeConfig, read_only: bool = False) -> Lake:
    """Attach the lake that is there; one to be written gets the ledger's tables and columns that it lacks.

    Raises TidegateError when there is none, with nothing made.
    """
    lake = Lake.open(config, read_only)
    return lake if read_only else _with_ledger(lake)


def make_lake(config: LakeConfig) -> Lake:
    """Attach the lake, made first where there is none. Raises TidegateError where data of another lies already."""
    return _with_ledger(Lake.make(config))


def _with_ledger(lake: Lake) -> Lake:
    try:
        if lacks_tables(lake.con):
            lake.unit_of_work(create_tables)
    except BaseException:
        lake.close()
        raise
    return lake
