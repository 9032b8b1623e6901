"""JSON lines: an object a line.

DuckDB reads those where every line comes out; what a row is in the others is `json_text`'s.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from duckdb import DuckDBPyConnection

from tidegate.intake.files import json_text
from tidegate.intake.files.envelope import is_about
from tidegate.intake.files.formats.layout import (
    Batch,
    DataFile,
    Examined,
    Format,
    Layout,
    Leftover,
    Opened,
    Placed,
    UnreadableFileError,
    decimal_marks,
    is_sparse,
)
from tidegate.intake.files.relations import drop_rejects, paths, reading, rejects_options, with_files
from tidegate.intake.files.text import BrokenLine, RowWriter
from tidegate.lake.sql import literal

# A control character: JSON text never holds one, so no JSON line is ever cut at it.
NOT_IN_JSON = "\x1f"

# A number after a key. It becomes a text, because DuckDB reads numbers as doubles: 1.10 would turn into 1.1,
# and the 17th digit into another. Inside of a text this makes the line invalid, never different: then
# `json_text` reads it.
_NUMBER_VALUE = r"(:[ \t]*)(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)([ \t\r]*[,}])"
_NUMBER_AS_TEXT = r'\1"\2"\3'
_NESTED_VALUE = r":[ \t]*[\[{]"

# What DuckDB writes with other digits or letters when it is inside of a nested value: 1.10, 16 digits, 1e2, -0, \u001f.
_REWRITTEN = r"[:,\[][ \t]*-?(?:[0-9]+[.eE]|[0-9]{16}|-0)|\\u00"

# In the name of a key, whatever does not show: names are compared without.
_UNSEEN = r"[\s\p{Z}\p{C}]"

# Lists of keys that are known to be plain, tried before looking at each key: more would make it no faster.
MANY_KEY_ORDERS = 20

# A text with a NUL in it is none that every tool can hold; `json_text` decides.
_IS_OBJECT = r"json_valid(exact) and starts_with(ltrim(exact, ' ' || chr(9)), '{') and not contains(line, '\u0000')"


# More left-out lines than this are not looked up one by one: reading them all as records keeps no list.
MANY_SUSPECTS = 100_000


def _examine(opened: Opened) -> Examined:
    contract, counted = opened.contract, opened.census
    if opened.options.format == "json" and json_text.is_document(opened.path, opened.gzipped):
        raise UnreadableFileError("is one JSON document, not lines with an object each. Write `format: json_array`")
    # A JSON object may leave out what is null, so no column can be told to be missing from the file.
    known = tuple(column.name for column in contract.columns)
    columns = tuple(Placed(name, position) for position, name in enumerate(known))
    layout = Layout("json", opened.gzipped, len(known), columns)
    envelope = opened.options.json.envelope
    keys, sampled = json_text.Keys(contract.columns), json_text.sampled_keys(opened.path, opened.gzipped, envelope)
    added = dict.fromkeys(key for order in sampled for key in order if not keys.are_known(key))
    if envelope:
        added = {key: None for key in added if not is_about(key)}
    plain = tuple(order for order in sampled if keys.are_plain(order))
    is_regular = counted.is_regular and plain == sampled and not is_sparse(counted.braces, counted.lines)
    is_regular = is_regular and set(decimal_marks(opened, known)) == {"."}
    # DuckDB looks for the columns' own names.
    is_regular = is_regular and not envelope and not any(column.delivered_as for column in contract.columns)
    return Examined(layout, known + tuple(added), counted.lines, is_regular, plain_keys=plain)


def _relation(batch: Batch, files: Sequence[DataFile], layout: Layout) -> str:
    """The rows of JSON lines files; lines that are no JSON objects are left out (see `_suspects`)."""
    shape = _shape(layout)
    rows = f"""(
select _path, found, case when nested then json_transform(line, {shape}) end as whole
from {_json_rows(batch, files, layout)} where is_row
)"""
    return with_files(batch, layout.columns, rows, _by_key)


def _suspects(batch: Batch, files: Sequence[DataFile], layout: Layout) -> str:
    """The query for the lines that `_relation` leaves out: `_path, line`."""
    return f"select distinct _path, line from {_json_rows(batch, files, layout)} where not is_row"


def _by_key(column: Placed) -> str:
    # In a nested value the numbers must not have become texts: it comes from the line as it was.
    found = f"struct_extract(read.found, {literal(column.name)})"
    whole = f"struct_extract(read.whole, {literal(column.name)})"
    return f"case when read.whole is not null and {found}[1] in ('{{', '[') then {whole} else {found} end"


def _shape(layout: Layout) -> str:
    return literal(json.dumps({column.name: "VARCHAR" for column in layout.columns}))


def _json_rows(batch: Batch, files: Sequence[DataFile], layout: Layout) -> str:
    """Every line with its values, `found`, and whether these are for certain what the line says, `is_row`."""
    any_nested = " or ".join(f"found[{literal(c.name)}][1] in ('{{', '[')" for c in layout.columns)
    rewritten = f"nested and regexp_matches(line, {literal(_REWRITTEN)}) and ({any_nested})"
    return f"""(
select *, is_plain and not coalesce({rewritten}, false) as is_row
from (
  select *, case when is_plain then json_transform(exact, {_shape(layout)}) end as found
  from (
    select *, case when {_IS_OBJECT} then {_has_plain_keys(batch, layout)} else false end as is_plain
    from {_json_lines(batch, files, layout)}
  )
)
)"""


def _has_plain_keys(batch: Batch, layout: Layout) -> str:
    """The condition that each key is there once, as the contract spells it; false for some that are right, too."""
    known = [column.name for column in layout.columns]
    spelled = f"lower(regexp_replace(key, {literal(_UNSEEN)}, '', 'g'))"
    names = f"list_transform({literal(known)}, lambda key: {spelled})"
    other = f"list_contains({names}, {spelled}) and not list_contains({literal(known)}, key)"
    once = f"len(list_distinct(list_transform(json_keys(exact), lambda key: {spelled}))) = len(json_keys(exact))"
    usual = ", ".join(literal(list(keys)) for keys in sorted(batch.plain_keys)[:MANY_KEY_ORDERS] if keys)
    looked_at = f"{once} and len(list_filter(json_keys(exact), lambda key: {other})) = 0"
    return f"case when json_keys(exact) in ({usual}) then true else {looked_at} end" if usual else f"({looked_at})"


def _json_lines(batch: Batch, files: Sequence[DataFile], layout: Layout) -> str:
    one_column = f"columns = {{'line': 'VARCHAR'}}, delim = {literal(NOT_IN_JSON)}, quote = '', escape = ''"
    options = f"{one_column}, header = false, {reading(layout)}, {rejects_options()}"
    exact = f"regexp_replace(line, {literal(_NUMBER_VALUE)}, {literal(_NUMBER_AS_TEXT)}, 'g')"
    return f"""(
select *, {exact} as exact, regexp_matches(line, {literal(_NESTED_VALUE)}) as nested
from read_csv({paths(batch, files)}, {options}) where line is not null
)"""


def _records(opened: Opened, examined: Examined, sound: RowWriter) -> Iterator[BrokenLine]:
    names = [column.name for column in examined.layout.columns]
    columns = [opened.contract.column(name) for name in names]
    marks = decimal_marks(opened, names)
    return json_text.fix(opened.path, opened.gzipped, columns, marks, sound, opened.options.json.envelope)


def _leftovers(
    con: DuckDBPyConnection, batch: Batch, layout: Layout, short: Mapping[DataFile, int]
) -> dict[DataFile, Leftover]:
    """The lines that are no JSON objects, of files with so few that they can be looked up one by one."""
    files = [file for file, missing in short.items() if 0 < missing <= MANY_SUSPECTS]
    if not files:
        return {}
    suspects: dict[DataFile, set[bytes]] = {file: set() for file in files}
    drop_rejects(con)
    for path, line in con.execute(_suspects(batch, files, layout)).fetchall():
        suspects[batch.file_at(path)].add(line.encode())
    found = {}
    for file, lines in suspects.items():
        if looked_up := json_text.broken_lines(batch.path(file), layout.gzipped, lines):
            broken, blank = looked_up
            found[file] = Leftover(len(broken), blank, partial(list, broken))
    return found


FORMAT = Format(
    suffixes=(".json", ".jsonl", ".ndjson"),
    examine=_examine,
    relation=_relation,
    records=_records,
    leftovers=_leftovers,
)
