"""A catalog out of Postgres into a SQLite file, and back, by DuckDB alone: no program of Postgres's is needed.

Read in one transaction, it is the catalog of one moment, whoever writes it meanwhile.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from duckdb import DuckDBPyConnection

from tidegate.lake.catalogs.inlined import (
    Types,
    into_postgres,
    out_of_postgres,
    type_in_postgres,
    types_of_inlined,
)
from tidegate.lake.config import IN_UTC, LakeConfig, attach_statement, s3_statements
from tidegate.lake.extensions import connect_with
from tidegate.lake.sql import CATALOG, literal, qualified, quoted

SERVER, FILE = "server", "file"


def copy_out(config: LakeConfig, target: Path) -> None:
    """Copy a catalog into a new SQLite file."""
    with _both(config, target, read_only=SERVER) as con:
        con.begin()
        types, keys = types_of_inlined(con, SERVER), _primary_keys(con)
        for table, columns in _tables(con, SERVER).items():
            copied = {name: out_of_postgres(name, kind, types.get((table, name))) for name, kind in columns.items()}
            listed = ", ".join(
                f"{quoted(name)} {kind}{' primary key' if keys.get(table) == name else ''}"
                for name, (kind, _) in copied.items()
            )
            con.execute(f"create table {qualified(FILE, table)} ({listed})")
            values = ", ".join(value for _, value in copied.values())
            con.execute(f"insert into {qualified(FILE, table)} select {values} from {qualified(SERVER, table)}")
        con.commit()


def holds_a_lake(config: LakeConfig) -> bool:
    """Whether the server has a catalog, but one as DuckLake makes it: that, `copy_in` leaves when it is interrupted."""
    with connect_with(["postgres_scanner"]) as con:
        address = literal(config.catalog.removeprefix("postgres:"))
        con.execute(f"attach {address} as {SERVER} (type postgres, read_only)")
        if not _tables(con, SERVER):
            return False
        return con.execute(f"select max(snapshot_id) from {SERVER}.ducklake_snapshot").fetchone() != (0,)


def copy_in(source: Path, config: LakeConfig) -> None:
    """Have the server hold the catalog of a SQLite file, in a database where none `holds_a_lake`."""
    with connect_with(config.extensions) as con:
        for statement in [*s3_statements(config), attach_statement(config, create=True)]:
            con.execute(statement)
        con.execute(f"detach {quoted(CATALOG)}")
    with _both(config, source, read_only=FILE) as con:
        con.begin()
        types, there = types_of_inlined(con, FILE), _tables(con, SERVER)
        for table in there:
            con.execute(f"delete from {qualified(SERVER, table)}")
        for table, columns in _tables(con, FILE).items():
            wanted = there.get(table) or _create_inlined(con, table, columns, types)
            values = ", ".join(into_postgres(name, wanted[name], types.get((table, name))) for name in columns)
            names = ", ".join(map(quoted, columns))
            con.execute(
                f"insert into {qualified(SERVER, table)} ({names}) select {values} from {qualified(FILE, table)}"
            )
        con.commit()


def _create_inlined(con: DuckDBPyConnection, table: str, columns: Mapping[str, str], types: Types) -> dict[str, str]:
    """Create a table that holds inlined rows; returns the types of its columns. Without one are DuckLake's own."""
    wanted = {name: type_in_postgres(types.get((table, name), "int64")).upper() for name in columns}
    listed = ", ".join(f"{quoted(name)} {kind}" for name, kind in wanted.items())
    con.execute(f"create table {qualified(SERVER, table)} ({listed})")
    return wanted


@contextmanager
def _both(config: LakeConfig, file: Path, read_only: str) -> Iterator[DuckDBPyConnection]:
    """A connection with the server's database and the file attached, one of them to be read only."""
    with connect_with(["postgres_scanner", "sqlite_scanner"]) as con:
        con.execute(IN_UTC)
        # Several connections would see several moments.
        con.execute("set threads = 1")
        for name, address, kind in (
            (SERVER, config.catalog.removeprefix("postgres:"), "postgres"),
            (FILE, str(file), "sqlite"),
        ):
            option = ", read_only" if name == read_only else ""
            con.execute(f"attach {literal(address)} as {name} (type {kind}{option})")
        yield con


def _tables(con: DuckDBPyConnection, database: str) -> dict[str, dict[str, str]]:
    """The tables of a catalog, each with its columns and DuckDB's types of them, in order."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for table, column, sql_type in con.execute(
        f"select table_name, column_name, data_type from duckdb_columns() where database_name = {literal(database)} "
        "and starts_with(table_name, 'ducklake_') order by table_name, column_index"
    ).fetchall():
        found[table][column] = sql_type
    return found


def _primary_keys(con: DuckDBPyConnection) -> dict[str, str]:
    """By table, the column that is its key: it is what makes one of two writers fail."""
    query = (
        "select t.relname::text, a.attname::text from pg_index i join pg_class t on t.oid = i.indrelid "
        "join pg_attribute a on a.attrelid = t.oid and a.attnum = i.indkey[0] "
        "where i.indisprimary and t.relname like 'ducklake\\_%' and pg_table_is_visible(t.oid)"
    )
    return dict(con.execute(f"from postgres_query({literal(SERVER)}, {literal(query)})").fetchall())
