"""Opening the lake with its ledger: its tables are there and up to date before anything reads or writes them."""

from __future__ import annotations

from collections.abc import Callable

from duckdb import DuckDBPyConnection

from tidegate.errors import TidegateError
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.ledger.migrations import is_behind, migrate, wants_an_upgrade
from tidegate.ledger.upkeep.days import keep_timezone, refuse_other_timezone, timezone_of


def open_lake(config: LakeConfig, read_only: bool = False) -> Lake:
    """Attach the lake that is there; what the ledger of one that may be written only lacks is added.

    Raises TidegateError when there is none, when a newer Tidegate has written to it, when its days are of another time
    zone, when one that may only be read is behind, and when bringing it up to date would change rows. Then nothing is
    made or changed.
    """
    return _with(_refuse_behind if read_only else _bring_up_to_date, Lake.open(config, read_only))


def make_lake(config: LakeConfig) -> Lake:
    """Attach the lake, made first where there is none. Raises TidegateError where data of another lies already."""
    return _with(_bring_up_to_date, Lake.make(config))


def _with(begin: Callable[[Lake], None], lake: Lake) -> Lake:
    try:
        begin(lake)
    except BaseException:
        lake.close()
        raise
    return lake


def upgrade_ledger(config: LakeConfig) -> None:
    """Bring the ledger of the lake that is there up to this version, whatever that changes."""
    with Lake.open(config) as lake:
        lake.unit_of_work(lambda con: _make_ready(con, config))


def _bring_up_to_date(lake: Lake) -> None:
    with lake.one_moment() as con:
        is_ready = not is_behind(con) and timezone_of(con) == lake.config.timezone
        if not is_ready and wants_an_upgrade(con):
            raise _behind(lake.config)
    if not is_ready:
        lake.unit_of_work(lambda con: _make_ready(con, lake.config))


def _make_ready(con: DuckDBPyConnection, config: LakeConfig) -> None:
    migrate(con)
    keep_timezone(con, config)


def _refuse_behind(lake: Lake) -> None:
    with lake.one_moment() as con:
        if is_behind(con):
            raise _behind(lake.config)
        refuse_other_timezone(con, lake.config)


def _behind(config: LakeConfig) -> TidegateError:
    return TidegateError(
        f"The ledger of the lake at {config.catalog} was made by an older version and lacks what this one reads. "
        "Nothing was changed. Bring it up to date, with a backup before: tidegate upgrade"
    )
