"""A server of type `delta` or `iceberg`: where the table is, and how a day is found in it."""

from __future__ import annotations

from open_data_contract_standard.model import Server as OdcsServer

from tidegate.contract.reading.document import At, Document, Written
from tidegate.contract.reading.landing import check_path, check_plain
from tidegate.contract.reading.outside import read_text, read_time_limit
from tidegate.contract.reading.written import read_choice
from tidegate.contract.table import TableKind, TableServer

TABLE_PROPERTIES = ("dayColumn", "metadata", "timeLimitSeconds")


def read_table(doc: Document, kind: TableKind, server: OdcsServer, custom: Written, at: At) -> TableServer:
    """Raises ContractError for a table in which no day can be found."""
    path, day_column, at = server.path or "", read_text(doc, custom, "dayColumn"), (*at, "path")
    if day_column is None:
        if "{day" not in path:
            what = f"nothing says how a day is found in the table '{path}'"
            raise doc.refused(at, what, "write 'dayColumn', or '{day}' in the path of a table for each day")
        check_path(doc, path, path, at)
        if "*" in path or "?" in path:
            raise doc.refused(at, f"'{path}' has a wildcard", "write the path of one table for each day")
    else:
        if "{" in path:
            raise doc.refused(at, f"'{path}' has the day in it, and dayColumn is there too", "write one of them")
        check_plain(doc, path, path, at)
    if "metadata" in custom and kind != "iceberg":
        raise doc.refused(custom["metadata"][1], "'metadata' has no effect on a table in Delta", "remove it")
    newest = read_choice(doc, custom, "metadata", ("hint", "newest"), "hint") == "newest"
    limit = read_time_limit(doc, custom) or TableServer.time_limit_seconds
    return TableServer(kind, path, day_column, newest, limit)
