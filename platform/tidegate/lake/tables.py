"""The lake's tables: which there are, their columns, and making one fit the columns it must have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import duckdb
from duckdb import DuckDBPyConnection

from tidegate.errors import ColumnTypeError, TidegateError
from tidegate.lake.identity import METADATA
from tidegate.lake.sql import CATALOG, literal, qualified, quoted

# Parquet keeps a hugeint as a double. Of a struct's or map's texts, DuckLake 1.0 loses the single quotes when an
# insert is small enough to be kept in the catalog.
CANNOT_HOLD = {
    "HUGEINT": "Cast it, perhaps a sum of integers, to bigint or to a decimal.",
    "STRUCT": "Make it JSON, or a column for each of its fields.",
    "MAP": "Make it JSON.",
}


def tables_in(con: DuckDBPyConnection, schema: str) -> list[str]:
    """The tables of a schema of the lake, by name. Those of `serving` and `quarantine` are there when something is."""
    return [table for of_schema, table in all_tables(con) if of_schema == schema]


def all_tables(con: DuckDBPyConnection, database: str = CATALOG) -> list[tuple[str, str]]:
    """Schema and name of every table of a database, in order. `duckdb_tables()` tells the size of each as well, for
    which DuckLake asks its catalog: 100 ms of CPU for a project's tables, and this takes 3."""
    of_database = f"database_name = {literal(database)}"
    return con.execute(
        f"select distinct schema_name, table_name from duckdb_columns() where {of_database} "
        f"except select schema_name, view_name from duckdb_views() where {of_database} order by all"
    ).fetchall()


def rows_by_table(con: DuckDBPyConnection) -> dict[str, int]:
    """How many rows each table of the lake has, by schema and name."""
    tables = all_tables(con)
    counts = " union all ".join(
        f"select {literal('.'.join(table))}, count(*) from {qualified(CATALOG, *table)}" for table in tables
    )
    return dict(con.execute(counts).fetchall()) if tables else {}


def bytes_by_table(con: DuckDBPyConnection) -> dict[tuple[str, str], int]:
    """How large the files of each table are, as it is now, by schema and name."""
    rows = con.execute(
        f"select s.schema_name, t.table_name, sum(f.file_size_bytes)::bigint from {METADATA}.ducklake_data_file as f "
        f"join {METADATA}.ducklake_table as t using (table_id) join {METADATA}.ducklake_schema as s using (schema_id) "
        "where f.end_snapshot is null and t.end_snapshot is null and s.end_snapshot is null group by all"
    ).fetchall()
    return {(schema, table): size for schema, table, size in rows}


def ensure_table(
    con: DuckDBPyConnection,
    schema: str,
    table: str,
    columns: Mapping[str, str],
    partitioned_by: str | None,
    otherwise: str = "Keep the type, or give the column a new name.",
) -> None:
    """Create the table, or add the columns (name to type) that it lacks and widen those whose type grew.

    Call it inside the unit of work: two writers of a new table are then a conflict, and one of them runs
    again. Raises ColumnTypeError, which ends in what to do `otherwise`, when a column's values might not fit its new
    type.
    """
    _refuse_types_it_cannot_hold((schema, table), columns)
    there = table_columns(con, [(schema, table)]).get((schema, table))
    if there is None:
        _create(con, (schema, table), columns, partitioned_by)
        return
    wanted = dict(zip(columns, _normalized(con, columns.values()), strict=True))
    present = {name.lower(): sql_type for name, sql_type in there.items()}
    unfit = [column for column in wanted if not _fit_column(con, (schema, table), present, column, wanted[column])]
    if unfit:
        listed = ", and column ".join(
            f"{name} of {schema}.{table} holds {present[name.lower()]} and should become {wanted[name]}"
            for name in unfit
        )
        raise ColumnTypeError(
            f"Column {listed}, but a column can only become wider. Nothing was changed. {otherwise}",
            {name: wanted[name] for name in unfit},
        )


def _refuse_types_it_cannot_hold(table: tuple[str, str], columns: Mapping[str, str]) -> None:
    for column, sql_type in columns.items():
        for kind, advice in CANNOT_HOLD.items():
            if kind in sql_type.upper():
                raise TidegateError(
                    f"Column {column} of {'.'.join(table)} is a {sql_type}, which the lake does not keep intact. "
                    f"Nothing was changed. {advice}"
                )


def _create(
    con: DuckDBPyConnection, table: tuple[str, str], columns: Mapping[str, str], partitioned_by: str | None
) -> None:
    listed = ", ".join(f"{quoted(column)} {sql_type}" for column, sql_type in columns.items())
    con.execute(f"create table {qualified(*table)} ({listed})")
    if partitioned_by:
        con.execute(f"alter table {qualified(*table)} set partitioned by ({quoted(partitioned_by)})")
    for statement in row_in_and_out(table):
        con.execute(statement)


def row_in_and_out(table: tuple[str, str]) -> list[str]:
    """What a new table begins with, for the sake of DuckLake's statistics.

    Of a table that never had a row it has none, and asks the catalog for them at every scan, once a column: reading the
    ledger's empty builds takes 22 ms, and after this 4 ms. Tables stay empty for long: waivers, quarantines.
    """
    return [f"insert into {qualified(*table)} default values", f"delete from {qualified(*table)}"]


def _fit_column(
    con: DuckDBPyConnection, table: tuple[str, str], there: Mapping[str, str], column: str, sql_type: str
) -> bool:
    """Add or widen the column; whether it has its type then."""
    old_type = there.get(column.lower())
    if old_type is None:
        con.execute(f"alter table {qualified(*table)} add column {quoted(column)} {sql_type}")
    elif old_type != sql_type:
        # To DuckLake a decimal(38,3) is wider than a decimal(38,4), and rounds it.
        if columns_that_lose(con, qualified(*table), {column: (old_type, sql_type)}):
            return False
        try:
            con.execute(f"alter table {qualified(*table)} alter column {quoted(column)} set data type {sql_type}")
        except duckdb.CatalogException:
            return False
    return True


def columns_that_lose(
    con: DuckDBPyConnection, relation: str, types: Mapping[str, tuple[str, str]], condition: str = "true"
) -> list[str]:
    """The columns that lose a value when their type changes; `types` are the old and the new one, by name."""
    if not types:
        return []
    lost = ", ".join(
        f"bool_or(try_cast(try_cast({quoted(name)} as {new}) as {old}) is distinct from {quoted(name)})"
        for name, (old, new) in types.items()
    )
    row = con.execute(f"select {lost} from {relation} where {condition}").fetchone() or ()
    return [name for name, is_lost in zip(types, row, strict=True) if is_lost]


def types_not_wider(
    con: DuckDBPyConnection, before: Mapping[str, str], after: Mapping[str, str]
) -> dict[str, tuple[str, str]]:
    """The columns of both whose type after is another one and not wider, with both types."""
    names = [name for name in after if name in before]
    old, new = (_normalized(con, [each[name] for name in names]) for each in (before, after))
    return {
        name: (one, other)
        for name, one, other in zip(names, old, new, strict=True)
        if one != other and not _is_wider(con, one, other)
    }


def _is_wider(con: DuckDBPyConnection, before: str, after: str) -> bool:
    """To DuckLake a type is wider when values of both together are of it."""
    try:
        together = _types_of(con, [f"coalesce(null::{before}, null::{after})"])
    except duckdb.BinderException:
        return False
    return together == [after]


def change_type(con: DuckDBPyConnection, table: tuple[str, str], column: str, sql_type: str) -> None:
    """Give a column a type that its values may not fit; those that do not are null then."""
    name, before, new = qualified(*table), quoted(f"{column} before"), quoted(column)
    con.execute(f"alter table {name} rename column {new} to {before}")
    con.execute(f"alter table {name} add column {new} {sql_type}")
    con.execute(f"update {name} set {new} = try_cast({before} as {sql_type})")
    con.execute(f"alter table {name} drop column {before}")


def change_types(con: DuckDBPyConnection, table: tuple[str, str], columns: Mapping[str, str]) -> None:
    """`change_type` of several columns."""
    for column, sql_type in columns.items():
        change_type(con, table, column, sql_type)


def reshape_table(
    con: DuckDBPyConnection, table: tuple[str, str], columns: Mapping[str, str], partitioned_by: str | None
) -> None:
    """`ensure_table` for rows that are about to be replaced: a column takes its new type whatever that loses."""
    try:
        ensure_table(con, *table, columns, partitioned_by)
    except ColumnTypeError as error:
        change_types(con, table, error.columns)


def table_columns(
    con: DuckDBPyConnection, tables: Iterable[tuple[str, str]], catalog: str = CATALOG
) -> dict[tuple[str, str], dict[str, str]]:
    """Column names and types, in order, of those (schema, table) that exist; of the lake, or of another one that is
    attached as `catalog`."""
    listed = ", ".join(f"({literal(schema)}, {literal(table)})" for schema, table in tables)
    found: dict[tuple[str, str], dict[str, str]] = {}
    if not listed:
        return found
    rows = con.execute(
        "select schema_name, table_name, column_name, data_type from duckdb_columns() "
        f"where database_name = {literal(catalog)} and (schema_name, table_name) in ({listed}) "
        "order by column_index"
    ).fetchall()
    for schema, table, column, sql_type in rows:
        found.setdefault((schema, table), {})[column] = sql_type
    return found


def _normalized(con: DuckDBPyConnection, sql_types: Iterable[str]) -> list[str]:
    """The types as DuckDB spells them: `text` is VARCHAR."""
    return _types_of(con, [f"null::{sql_type}" for sql_type in sql_types])


def _types_of(con: DuckDBPyConnection, expressions: Sequence[str]) -> list[str]:
    if not expressions:
        return []
    listed = ", ".join(f"{expression} as c{i}" for i, expression in enumerate(expressions))
    return [str(sql_type) for _, sql_type, *_ in con.execute(f"describe select {listed}").fetchall()]
