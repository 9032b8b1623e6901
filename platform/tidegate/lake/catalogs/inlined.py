"""How DuckLake 1.0 keeps rows of small inserts in a catalog: each type of a column in SQLite's way or in Postgres's.

What either has no type for is text, as DuckDB casts it; but Postgres's text cannot hold every text, so there it is
bytes.
"""

from __future__ import annotations

from collections.abc import Mapping

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal, quoted

# By table and column of the catalog, the type that DuckLake knows the column by.
Types = Mapping[tuple[str, str], str]

# By DuckLake's type, the type (in DuckDB's words) of a column of Postgres; all others are text.
IN_POSTGRES = {
    "boolean": "boolean",
    "int8": "smallint",
    "int16": "smallint",
    "int32": "integer",
    "int64": "bigint",
    "uint8": "integer",
    "uint16": "integer",
    "uint32": "bigint",
    "float32": "float",
    "float64": "double",
    "varchar": "blob",
    "json": "blob",
    "blob": "blob",
    "time": "time",
    "uuid": "uuid",
    "interval": "interval",
}

# What DuckDB says of columns of Postgres that are whole numbers in SQLite.
WHOLE = ("BOOLEAN", "SMALLINT", "INTEGER", "BIGINT")


def types_of_inlined(con: DuckDBPyConnection, catalog: str) -> Types:
    """The types of the columns that hold inlined rows, of a catalog that is attached as `catalog`."""
    # Before DuckLake 1.0, versions were not of one table each.
    of_table = con.execute(
        f"select count(*) from duckdb_columns() where database_name = {literal(catalog)} "
        "and table_name = 'ducklake_schema_versions' and column_name = 'table_id'"
    ).fetchone()
    joined = "v.table_id = i.table_id and " if of_table != (0,) else ""
    rows = con.execute(
        f"""
        select i.table_name, c.column_name, max_by(c.column_type, c.begin_snapshot)
        from {quoted(catalog)}.ducklake_inlined_data_tables as i
        join {quoted(catalog)}.ducklake_column as c on c.table_id = i.table_id and c.parent_column is null
        left join {quoted(catalog)}.ducklake_schema_versions as v
            on {joined}v.schema_version = i.schema_version
        where v.begin_snapshot is null or c.begin_snapshot <= v.begin_snapshot
        group by all
        """
    ).fetchall()
    return {(table, column): sql_type for table, column, sql_type in rows}


def type_in_postgres(ducklake_type: str) -> str:
    return ducklake_type if ducklake_type.startswith("decimal") else IN_POSTGRES.get(ducklake_type, "varchar")


def out_of_postgres(column: str, sql_type: str, ducklake_type: str | None) -> tuple[str, str]:
    """The type in SQLite of a column of Postgres, and its value as an SQL expression."""
    if sql_type in WHOLE:
        return "bigint", f"{quoted(column)}::bigint"
    if sql_type == "BLOB":
        return ("blob", quoted(column)) if ducklake_type == "blob" else ("varchar", f"decode({quoted(column)})")
    return "varchar", f"{quoted(column)}::varchar"


def into_postgres(column: str, sql_type: str, ducklake_type: str | None) -> str:
    """The value of a column of SQLite, as an SQL expression, for one of Postgres."""
    if sql_type == "BLOB" and ducklake_type != "blob":
        return f"encode({quoted(column)})"
    return f"{quoted(column)}::{sql_type}"
