"""Whose the files in a data folder are: a lake and its data folder know each other.

A lake is known by the id that DuckLake gave its schema `main` when it was made; a copy of the catalog keeps it. The
same id stands in a file in the data folder. Both are compared whenever a lake is attached, since with the catalog of
another lake all files there would be nobody's.
"""

from __future__ import annotations

from duckdb import DuckDBPyConnection

from tidegate.errors import TidegateError
from tidegate.lake.data_files import PATH_OF_FILE, cannot_be_read, exists, is_remote, names_in, read, write
from tidegate.lake.sql import CATALOG

MARKER = "tidegate-lake"

# DuckLake's own tables, as its specification names them, on a connection that has the lake attached.
METADATA = f"__ducklake_metadata_{CATALOG}"

# One file of a name that DuckLake gives only once proves whose the folder is; some may be lost.
FILES_THAT_PROVE = 50


def refuse_unknown_data(con: DuckDBPyConnection, data: str, catalog: str) -> None:
    """Raise TidegateError where files lie in the data folder of a lake that is still to be made."""
    found = next(names_in(con, data), None)
    if found:
        raise TidegateError(
            f"The catalog {catalog} holds no lake, and the data folder {data} holds files of another, like {found}. "
            "Nothing was made or changed. If they are of your lake, its catalog is elsewhere or was lost: set "
            "TIDEGATE_LAKE_CATALOG to it, or put back a copy of it. For a new lake, set TIDEGATE_LAKE_DATA to an "
            "empty folder."
        )


def refuse_data_of_another(con: DuckDBPyConnection, data: str, catalog: str, read_only: bool) -> None:
    """Raise TidegateError where the data folder is not that of the attached lake.

    A folder without a mark, of a new lake or from before there were marks, gets one once its files prove whose it is.
    Who only reads marks nothing, and in S3 may not have the right to see the mark.
    """
    lake = id_of(con)
    marked = (read(con, data, MARKER) or "").strip()
    if marked == lake:
        return
    if marked:
        raise _not_of_this_lake(data, catalog, f"it belongs to the lake {marked}, and this is {lake}.")
    if read_only and is_remote(data):
        return
    if not _is_known(con, data):
        raise _not_of_this_lake(data, catalog, "none of the files that the catalog names is there.")
    if not read_only:
        write(con, data, MARKER, lake)


def named_files(con: DuckDBPyConnection, limit: int | None = None) -> list[str]:
    """The files that the catalog names, for now or for a moment that it can go back to, the newest first."""
    return [
        name
        for kind in ("data", "delete")
        for (name,) in con.execute(
            f"select {PATH_OF_FILE} from {METADATA}.ducklake_{kind}_file as f "
            f"join {METADATA}.ducklake_table as t using (table_id) "
            f"join {METADATA}.ducklake_schema as s using (schema_id) "
            f"order by f.{kind}_file_id desc {f'limit {limit}' if limit else ''}"
        ).fetchall()
    ]


def id_of(con: DuckDBPyConnection) -> str:
    """The id of the attached lake."""
    row = con.execute(f"select schema_uuid from {METADATA}.ducklake_schema where schema_id = 0").fetchone()
    if row is None:
        raise TidegateError("The lake's catalog lacks the schema `main`, so DuckLake did not make it.")
    return str(row[0])


def _is_known(con: DuckDBPyConnection, data: str) -> bool:
    """Whether a file that the catalog names lies there; or neither it nor the folder has any. Raises TidegateError
    where that cannot be seen."""
    named = named_files(con, FILES_THAT_PROVE)
    if not named:
        return not any(name.endswith(".parquet") for name in names_in(con, data))
    refused = None
    for name in named:
        try:
            if exists(con, data, name):
                return True
        except PermissionError as error:
            refused = error
    if refused is not None:
        raise cannot_be_read(data, str(refused)) from refused
    return False


def _not_of_this_lake(data: str, catalog: str, why: str) -> TidegateError:
    return TidegateError(
        f"The data folder {data} is not that of the lake with catalog {catalog}: {why} Nothing was changed. "
        "Set TIDEGATE_LAKE_CATALOG and TIDEGATE_LAKE_DATA to a catalog and a folder that belong together. If the "
        "folder is on a disk or share, see that it is mounted; if files were lost, put them back."
    )
