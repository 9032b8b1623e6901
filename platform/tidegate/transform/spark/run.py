"""Running a model's query on Spark, from files of the lake into files that the lake reads or takes over.

Spark is reached over Spark Connect by its own client, which needs no JVM. Whose rows the result becomes belongs to
`models`; what the lake's rows are as files, to `lake.exchange`.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tidegate.errors import NotInstalledError
from tidegate.lake.adopting import Adopted, adopt
from tidegate.lake.connect import Lake
from tidegate.lake.data_files import path_of
from tidegate.lake.exchange import as_files, exchange_folder, files_in
from tidegate.lake.sql import literal, rows_relation
from tidegate.publishing.shape import spelled
from tidegate.transform.parsed.members import Model
from tidegate.transform.spark.dialect import spark_name, spark_query
from tidegate.transform.spark.trouble import SparkError, in_a_sentence

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.connect.session import SparkSession

# Spark Connect's own, where an address says none.
PORT = 15002

# Its client would try for ten minutes to reach a server that is not there; these tries take one in all.
CONNECT_SECONDS = 10.0
TRIES = 6

# By this Spark sorts the rows of a result into folders.
OF_DAY = "_tidegate_of_day"

# As the lake has them: moments are naive and in UTC, what does not fit is an error, and a backslash is a letter.
SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.parser.escapedStringLiterals": "true",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
}


@contextmanager
def rows_of(address: str, text: str, model: Model, inside: str, lake: Lake) -> Iterator[str | Adopted]:
    """What Spark makes of a model's compiled SQL, over the lake as it is now: as a relation that DuckDB reads, there as
    long as the context, or where it has so many rows that its files are to be the table's, as these.

    Raises SparkError where Spark cannot be reached or does not run it, or gives other columns or types than the
    model's, and duckdb.InvalidInputException where files are to be adopted and a row is not `inside` of the window.
    """
    query = spark_query(text)
    with exchange_folder(lake) as folder, _session(address) as spark:
        snapshot = lake.newest_snapshot()
        result = f"{folder}/result"
        with in_a_sentence():
            for view, table in query.relations.items():
                files = as_files(lake, snapshot, table, folder)
                spark.read.parquet(*files).createOrReplaceTempView(view)
            _write(spark.sql(query.text), model, path_of(lake.config.data, result))
        names = files_in(lake, result)
        relation = _relation(lake, names, spelled(model.columns))
        if model.spark_files_from_rows is None or _rows_in(lake, names) < model.spark_files_from_rows:
            yield relation
        else:
            yield adopt(lake, names, (model.schema, model.name), model.day_column, inside)


def _write(rows: DataFrame, model: Model, path: str) -> None:
    if model.spark_files_from_rows is None:
        rows.write.parquet(path)
        return
    # Each file is of one day. By a copy of the column, since Spark writes the one that it goes by into no file.
    copies = rows.withColumns({OF_DAY: rows[spark_name(model.day_column)]})
    copies.write.partitionBy(OF_DAY).parquet(path)


def _relation(lake: Lake, names: list[str], columns: Mapping[str, str]) -> str:
    if not names:
        # Of no rows some servers write no file.
        return f"({rows_relation(columns, [])})"
    paths = literal([path_of(lake.config.data, name) for name in names])
    relation = f"read_parquet({paths}, hive_partitioning => false)"
    found = {name: sql_type for name, sql_type, *_ in lake.con.execute(f"describe from {relation}").fetchall()}
    if found != columns:
        raise SparkError(_other_columns(found, columns))
    return relation


def _rows_in(lake: Lake, names: list[str]) -> int:
    """As the ends of the files say, which is all that is read."""
    if not names:
        return 0
    paths = literal([path_of(lake.config.data, name) for name in names])
    ((rows,),) = lake.con.execute(f"select sum(num_rows)::bigint from parquet_file_metadata({paths})").fetchall()
    return int(rows)


def _other_columns(found: Mapping[str, str], columns: Mapping[str, str]) -> str:
    wrong = [
        *(f"{name} is {found[name]} and not {kind}" for name, kind in columns.items() if found.get(name, kind) != kind),
        *(f"{name} is missing" for name in columns if name not in found),
        *(f"{name} is in no YAML" for name in found if name not in columns),
    ]
    return f"Spark gives other columns than the model's YAML says: {', '.join(wrong)}. Cast them in the model."


@contextmanager
def _no_doctest() -> Iterator[None]:
    """pyspark takes a process that has no main file and no prompt for one of its own doctests, and ends it. Forked runs
    have none."""
    if hasattr(sys, "ps1") or hasattr(sys.modules["__main__"], "__file__"):
        yield
        return
    sys.ps1 = ""
    try:
        yield
    finally:
        del sys.ps1


@contextmanager
def _session(address: str) -> Iterator[SparkSession]:
    """A session of this model's own, whose work ends with it."""
    with _no_doctest(), _connected(address) as spark:
        yield spark


@contextmanager
def _connected(address: str) -> Iterator[SparkSession]:
    try:
        from pyspark.sql.connect.client.retries import DefaultPolicy
        from pyspark.sql.connect.session import SparkSession
    except ImportError as error:
        raise NotInstalledError("A model that Spark makes", "pyspark-client", "spark") from error
    _refuse_out_of_reach(address)
    with in_a_sentence():
        spark = SparkSession.builder.remote(address).create()
    spark.client.set_retry_policies([DefaultPolicy(max_retries=TRIES)])
    try:
        with in_a_sentence():
            for name, value in SETTINGS.items():
                spark.conf.set(name, value)
        yield spark
    except BaseException:
        # Whoever ends this process does not want the cluster to go on; one that is gone already has ended.
        with suppress(Exception):
            spark.interruptAll()
        raise
    finally:
        spark.stop()


def _refuse_out_of_reach(address: str) -> None:
    server = urlsplit(address)
    host, port = server.hostname or "", server.port or PORT
    try:
        socket.create_connection((host, port), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        raise SparkError(
            f"Connection Error: no Spark answers at {host}:{port} (TIDEGATE_SPARK): {error}. Start it, or unset "
            "TIDEGATE_SPARK to build on this machine."
        ) from error
