"""The copy of the ledger that a status asks holds what the lake holds, of one moment, and is gone afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tidegate.ledger.in_memory import MEMORY, ledger_in_memory
from tidegate.ledger.migrations import version_of
from tidegate.ledger.schema import LEDGER
from tidegate.ledger.upkeep.opening import open_lake

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from tidegate.lake.config import LakeConfig


def rows(con: DuckDBPyConnection, table: str) -> list[tuple[Any, ...]]:
    return con.execute(f"select rowid, {', '.join(LEDGER[table])} from ops.{table} order by rowid").fetchall()


def test_what_ops_is_asked_for_comes_from_a_copy_that_is_equal(upgraded_home: LakeConfig) -> None:
    with open_lake(upgraded_home) as lake:
        in_the_lake = {table: rows(lake.con, table) for table in LEDGER}
        with ledger_in_memory(lake) as con:
            assert {table: rows(con, table) for table in LEDGER} == in_the_lake
            assert f"{MEMORY}.ops.builds" in str(con.execute("explain select * from ops.builds").fetchall())
            assert con.execute("select count(*) from raw.orders").fetchone() != (0,)
        assert rows(lake.con, "builds") == in_the_lake["builds"]
        assert lake.con.execute(f"select * from duckdb_tables() where database_name = '{MEMORY}'").fetchall() == []


def test_what_is_committed_meanwhile_is_seen_afterwards(upgraded_home: LakeConfig) -> None:
    with open_lake(upgraded_home) as lake, open_lake(upgraded_home) as writer:
        before = version_of(lake.con)
        with ledger_in_memory(lake) as con:
            writer.con.execute("insert into ops.migrations (version) values (0)")
            assert len(rows(con, "migrations")) == before
        assert len(rows(lake.con, "migrations")) == before + 1
