"""Values that Arrow reads and DuckDB does not, as the text that says the same: ORC, and decimals of 39 to 76 digits.

pyarrow comes with the extra `files`; it is imported where such a file is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from tidegate.intake.files.text import RowWriter

if TYPE_CHECKING:
    import pyarrow as pa

HOW_TO_GET_IT = "Install the extra that reads it: pip install 'tidegate[files]'"


def is_installed(package: str) -> bool:
    return find_spec(package) is not None


def is_text_of(sql_like: pa.DataType) -> bool:
    """Whether a text can say what values of this type are: of bytes, none can."""
    import pyarrow.types as types

    return not (types.is_binary(sql_like) or types.is_large_binary(sql_like) or types.is_fixed_size_binary(sql_like))


def write_rows(batch: pa.RecordBatch | pa.Table, marks: Sequence[str], sound: RowWriter) -> None:
    """Write the batch's rows, numbers with `marks` in place of their points."""
    for row in zip(*map(_texts, batch.columns, marks), strict=True):
        sound.add(value.replace("\0", "\\x00").encode("utf-8") for value in row)


def _texts(column: Any, mark: str) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.types as types

    if types.is_nested(column.type):
        return (
            "" if value is None else json.dumps(value, ensure_ascii=False, default=str) for value in column.to_pylist()
        )
    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    texts = (value or "" for value in column.cast(pa.string()).to_pylist())
    is_number = types.is_decimal(column.type) or types.is_floating(column.type)
    return (text.replace(".", mark) for text in texts) if is_number and mark != "." else texts
