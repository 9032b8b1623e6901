"""The columns a contract declares: names that can stand in the lake, and types that DuckDB has.

What a value must be beyond its type is in `options` and `quality`.
"""

from __future__ import annotations

import re
from typing import Any, get_args

from open_data_contract_standard.model import SchemaProperty

from tidegate.contract.model import Column, LogicalType
from tidegate.contract.reading.clocks import read_zone
from tidegate.contract.reading.custom import read_anomaly
from tidegate.contract.reading.document import At, Document, Written, closest
from tidegate.contract.reading.values import VALUE_PROPERTIES, read_formats, read_own_values
from tidegate.contract.reading.written import read_texts, read_written
from tidegate.lake.sql import kept_by_the_lake
from tidegate.zones import Zone

# Columns that raw, quarantine or judging add of their own.
RESERVED = frozenset(
    {"_region", "_delivered_on", "_file", "_fingerprint", "_line", "_day", "_delivery", "_reasons", "_raw"}
    | {"_broken", "_hash", "_row", "_last", "_shown", "_before", "_after"}
)

# Custom properties of a column.
COLUMN_PROPERTIES = ("deliveredAs", "anomaly", *VALUE_PROPERTIES)

_INTEGERS = {
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "int": "INTEGER",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "utinyint": "UTINYINT",
    "usmallint": "USMALLINT",
    "uinteger": "UINTEGER",
    "ubigint": "UBIGINT",
}
_INTEGER_FORMATS = {
    "i8": "TINYINT",
    "i16": "SMALLINT",
    "i32": "INTEGER",
    "i64": "BIGINT",
    "u8": "UTINYINT",
    "u16": "USMALLINT",
    "u32": "UINTEGER",
    "u64": "UBIGINT",
}
_FLOATS = {"double": "DOUBLE", "float": "FLOAT", "real": "FLOAT"}
_FLOAT_FORMATS = {"f32": "FLOAT", "f64": "DOUBLE"}
_PHYSICAL_TYPES: dict[str, dict[str, str]] = {
    "string": {"varchar": "VARCHAR", "text": "VARCHAR", "string": "VARCHAR"},
    "integer": _INTEGERS,
    "number": _FLOATS,
    "boolean": {"boolean": "BOOLEAN", "bool": "BOOLEAN"},
    "date": {"date": "DATE"},
    "timestamp": {"timestamp": "TIMESTAMP", "datetime": "TIMESTAMP"},
    "time": {"time": "TIME"},
}
_FORMATS = {"integer": _INTEGER_FORMATS, "number": _FLOAT_FORMATS}
_DEFAULT_TYPES = {
    "string": "VARCHAR",
    # Wide enough that no integer is refused for its size unless the contract says so.
    "integer": "BIGINT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "time": "TIME",
}

# Keys of the standard that would change what is loaded, were they obeyed. They are not, so they are refused.
_NOT_OBEYED = {
    "properties": "one column for each of them",
    "items": "a column of text, or deliver the items as rows of their own source",
    "map": "one column for each key",
    "partitioned": "nothing: raw is always partitioned by the day of the delivery",
    "partitionKeyPosition": "nothing: raw is always partitioned by the day of the delivery",
    "encryptedName": "the rule in the dbt model that reads the column",
    "transformLogic": "it in a dbt model",
    "transformSourceObjects": "it in a dbt model",
}


def read_columns(doc: Document, properties: list[SchemaProperty], at: At) -> tuple[Column, ...]:
    """The columns of the schema object whose `properties` stand `at`."""
    names: dict[str, str] = {}
    columns = []
    for i, prop in enumerate(properties):
        column = _read_column(doc, prop, (*at, i))
        first = names.setdefault(column.name.lower(), column.name)
        if len(names) <= i:
            what = f"the column '{column.name}' is there twice (as '{first}'; case makes no difference)"
            raise doc.refused((*at, i, "name"), what, "write another name, or remove one of them")
        columns.append(column)
    return tuple(columns)


def read_key(doc: Document, properties: list[SchemaProperty], at: At) -> tuple[str, ...]:
    """The names of the primary key's columns in its order."""
    placed: dict[int, str] = {}
    for i, prop in enumerate(properties):
        position = prop.primaryKeyPosition
        if not prop.primaryKey:
            if position is not None and position != -1:
                where = (*at, i, "primaryKeyPosition")
                raise doc.refused(where, "a key position without primaryKey", "write 'primaryKey: true' beside it")
            continue
        place = position if position is not None and position != -1 else len(placed) + 1
        if place in placed:
            what = f"'{prop.name}' and '{placed[place]}' have the same place ({place}) in the primary key"
            raise doc.refused((*at, i), what, "write a primaryKeyPosition of 1, 2, ... at each of its columns")
        placed[place] = str(prop.name)
    if placed and all(prop.required is False for prop in properties if prop.primaryKey):
        what = "every part of the key may be empty, and a row without any would identify nothing"
        raise doc.refused(at, what, "remove 'required: false' at one of its columns")
    return tuple(placed[place] for place in sorted(placed))


def _read_column(doc: Document, prop: SchemaProperty, at: At) -> Column:
    name = _name(doc, prop, at)
    _refuse_what_is_not_obeyed(doc, prop, at)
    logical_type = _logical_type(doc, prop, at)
    custom = read_written(doc, prop.customProperties, (*at, "customProperties"), COLUMN_PROPERTIES)
    return Column(
        name=name,
        sql_type=_sql_type(doc, prop, logical_type, at),
        logical_type=logical_type,
        # A key without a value identifies nothing, unless the contract says that this part may be empty.
        required=bool(prop.primaryKey if prop.required is None else prop.required),
        description=" ".join((prop.description or "").split()),
        formats=_formats(doc, prop, logical_type, at),
        zone=_zone(doc, prop, logical_type, at),
        delivered_as=_delivered_as(doc, prop, custom),
        anomaly=read_anomaly(doc, custom),
        values=read_own_values(doc, custom),
    )


def _delivered_as(doc: Document, prop: SchemaProperty, custom: Written) -> tuple[str, ...]:
    """The names that it may come by, beside its own: the standard's physicalName, and those it had or will have."""
    others = read_texts(doc, custom, "deliveredAs", ())
    physical = (prop.physicalName,) if prop.physicalName not in (None, prop.name) else ()
    return tuple(dict.fromkeys(name for name in (*physical, *others) if name))


def _zone(doc: Document, prop: SchemaProperty, logical_type: str, at: At) -> Zone | None:
    written: Any = (prop.logicalTypeOptions or {}).get("defaultTimezone")
    if written is None or logical_type != "timestamp":
        return None
    return read_zone(doc, written, (*at, "logicalTypeOptions", "defaultTimezone"))


def _name(doc: Document, prop: SchemaProperty, at: At) -> str:
    name = prop.name or ""
    if not name.strip() or not name.isprintable():
        raise doc.refused((*at, "name"), "a column without a readable name", "write its name, as in the delivered file")
    if name.lower() in RESERVED:
        what = f"'{name}' is the name of a column that Tidegate adds itself"
        raise doc.refused((*at, "name"), what, "have the source deliver it under another name")
    if kept_by_the_lake(name):
        what = f"'{name}' is a name that DuckLake keeps for itself, so no table of the lake can have such a column"
        raise doc.refused((*at, "name"), what, "have the source deliver it under another name")
    return name


def _refuse_what_is_not_obeyed(doc: Document, prop: SchemaProperty, at: At) -> None:
    for key, instead in _NOT_OBEYED.items():
        if getattr(prop, key) not in (None, False, -1):
            raise doc.refused((*at, key), f"'{key}' of a column has no effect in Tidegate", f"write {instead}")
    if prop.semanticType not in (None, "column"):
        what = f"'{prop.semanticType}' is not a column that can be delivered"
        raise doc.refused((*at, "semanticType"), what, "write it in dbt")


def _logical_type(doc: Document, prop: SchemaProperty, at: At) -> LogicalType:
    known = get_args(LogicalType)
    if prop.logicalType is None:
        what = f"the column '{prop.name}' has no logicalType"
        raise doc.refused(at, what, f"write one of {', '.join(known)}")
    if prop.logicalType in ("object", "array", "map", "vector"):
        what = f"the column '{prop.name}' is of type {prop.logicalType}, and a row holds only single values"
        raise doc.refused((*at, "logicalType"), what, "write 'string' and take it apart in dbt")
    if prop.logicalType not in known:
        what = f"'{prop.logicalType}' is not a logicalType"
        raise doc.refused((*at, "logicalType"), what, closest(prop.logicalType, known))
    return prop.logicalType  # type: ignore[return-value]  # one of LogicalType's, as just seen


def _sql_type(doc: Document, prop: SchemaProperty, logical_type: str, at: At) -> str:
    if prop.physicalType is not None:
        return _physical_type(doc, prop.physicalType, logical_type, (*at, "physicalType"))
    written = (prop.logicalTypeOptions or {}).get("format")
    if logical_type in _FORMATS and written is not None:
        formats = _FORMATS[logical_type]
        if written not in formats:
            where = (*at, "logicalTypeOptions", "format")
            raise doc.refused(
                where, f"'{written}' is not a format of type {logical_type}", closest(str(written), formats)
            )
        return formats[written]
    if logical_type == "number":
        what = f"the column '{prop.name}' is a number of unknown precision"
        raise doc.refused(at, what, "write 'physicalType: decimal(18,4)', or 'double' if it may be rounded")
    return _DEFAULT_TYPES[logical_type]


def _physical_type(doc: Document, written: str, logical_type: str, at: At) -> str:
    known = _PHYSICAL_TYPES[logical_type]
    name = " ".join(written.lower().split())
    if name in known:
        return known[name]
    decimal = re.fullmatch(r"(?:decimal|numeric) ?\( ?(\d{1,2}) ?, ?(\d{1,2}) ?\)", name)
    if logical_type == "number" and decimal:
        precision, scale = int(decimal[1]), int(decimal[2])
        if 1 <= precision <= 38 and scale <= precision:
            return f"DECIMAL({precision},{scale})"
    examples = [*known, "decimal(18,4)"] if logical_type == "number" else [*known]
    what = f"'{written}' is not a physicalType of a column of type {logical_type}"
    hint = f"write one of {', '.join(examples)}"
    if name.startswith(("varchar", "char")):
        hint += ", and the length as 'maxLength' under logicalTypeOptions"
    elif name in ("hugeint", "uhugeint"):
        hint += "; of more digits than bigint has, logicalType number and decimal(38,0)"
    elif name.startswith("timestamp"):
        hint += "; moments with an offset are stored as UTC"
    raise doc.refused(at, what, hint)


def _formats(doc: Document, prop: SchemaProperty, logical_type: str, at: At) -> tuple[str, ...]:
    written: Any = (prop.logicalTypeOptions or {}).get("format")
    if written is None or logical_type not in ("date", "timestamp", "time"):
        return ()
    return read_formats(doc, written, logical_type, (*at, "logicalTypeOptions", "format"))
