"""What reads ORC, and Parquet with decimals of 39 to 76 digits, in a process of its own: Arrow.

Some damage ends the process that reads it, and some takes all memory that there is. The task comes on standard input,
rows go as CSV to standard output, and what is to say of them is the last line of standard error.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import starmap
from typing import Any

import pyarrow as pa
import pyarrow.types as types
from pyarrow import orc, parquet

from tidegate.intake.files.text import RowWriter

# What a small machine has not got, and longer than any file of which DuckDB judges the rows takes.
MEMORY = 3 << 30
CPU_SECONDS = 1_800

# What pyarrow raises over a damaged file.
_DAMAGE = (pa.ArrowException, OSError, ValueError, LookupError, MemoryError, TypeError, NotImplementedError)


def main() -> None:
    for limit, value in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, CPU_SECONDS), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(limit)[1]
        resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))
    task = json.load(sys.stdin)
    try:
        told = _described(task) if task["columns"] is None else _written(task)
    except _DAMAGE as error:
        told = {"damaged": f"{type(error).__name__}: {error}"}
    sys.stderr.write(f"\n{json.dumps(told)}\n")


def _described(task: Mapping[str, Any]) -> dict[str, object]:
    file = _opened(task)
    schema = file.schema if isinstance(file, orc.ORCFile) else file.schema_arrow
    rows = file.nrows if isinstance(file, orc.ORCFile) else file.metadata.num_rows
    return {
        "names": schema.names,
        "bytes": [field.name for field in schema if _is_bytes(field.type)],
        "rows": rows,
        "times": {field.name: of_time for field in schema if (of_time := _type_of_time(field.type))},
    }


def _written(task: Mapping[str, Any]) -> dict[str, object]:
    with open(sys.stdout.fileno(), "wb", closefd=False) as stream:
        sound = RowWriter(stream)
        for batch in _batches(_opened(task), task["columns"]):
            for row in zip(*starmap(_texts, zip(batch.columns, task["marks"], strict=True)), strict=True):
                sound.add([value.replace("\0", "\\x00").encode("utf-8") for value in row])
    return {"rows": sound.rows}


def _opened(task: Mapping[str, Any]) -> Any:
    path = task["path"]
    return orc.ORCFile(path) if task["format"] == "orc" else parquet.ParquetFile(path)


def _batches(file: Any, columns: Sequence[str]) -> Iterator[Any]:
    if isinstance(file, orc.ORCFile):
        for stripe in range(file.nstripes):
            yield file.read_stripe(stripe, columns=columns).select(columns)
        return
    at = [file.schema_arrow.names.index(name) for name in columns]
    for batch in file.iter_batches():
        yield batch.select(at)


def _is_bytes(kind: Any) -> bool:
    return any((types.is_binary(kind), types.is_large_binary(kind), types.is_fixed_size_binary(kind)))


def _type_of_time(kind: Any) -> str | None:
    if types.is_date(kind):
        return "DATE"
    if types.is_timestamp(kind):
        return "TIMESTAMP WITH TIME ZONE" if kind.tz else "TIMESTAMP"
    return None


def _texts(column: Any, mark: str) -> Iterable[str]:
    if types.is_nested(column.type):
        return (
            "" if value is None else json.dumps(value, ensure_ascii=False, default=str) for value in column.to_pylist()
        )
    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    texts = (value or "" for value in column.cast(pa.string()).to_pylist())
    is_number = types.is_decimal(column.type) or types.is_floating(column.type)
    return (text.replace(".", mark) for text in texts) if is_number and mark != "." else texts


if __name__ == "__main__":
    main()
